/* The dashboard's own script: asks for the data every few seconds while somebody looks, and shows what differs. */
"use strict";

(function () {
    const LONGEST_MS = 60000;
    const board = document.getElementById("crudsync-board");
    const given = (id) => JSON.parse(document.getElementById(id).textContent);
    const settings = given("crudsync-settings");
    const words = settings.words;
    const lang = document.documentElement.lang || undefined;
    const shown = {};
    let data = given("crudsync-data");
    let timer = 0;
    let wait = settings.every_s * 1000;
    let held = false;
    let asked = 0;

    // --- how things are written -------------------------------------------------------------------------------------

    function clock(options) {
        try {
            return new Intl.DateTimeFormat(lang, { ...options, timeZone: board.dataset.zone });
        } catch {
            return new Intl.DateTimeFormat(lang, options); // a zone that this browser does not know
        }
    }

    const TIME = clock({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const SECONDS = clock({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", second: "2-digit" });
    const DAY = clock({ weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const DATE = clock({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const WHOLE = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
    const SHORT = new Intl.NumberFormat(lang, { maximumSignificantDigits: 3 });
    const COMPACT = new Intl.NumberFormat(lang, { notation: "compact", maximumFractionDigits: 1 });

    const say = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
    const count = (number) => (number >= settings.counted ? WHOLE.format(settings.counted) + "+" : WHOLE.format(number));

    function duration(ms) {
        if (ms === null || ms === undefined) {
            return "–";
        }
        const [by, unit] = ms < 1000 ? [1, "ms"] : ms < 120000 ? [1000, "s"] : ms < 7200000 ? [60000, "min"] : [3600000, "h"];
        return SHORT.format(ms / by) + " " + unit;
    }

    const age = (seconds) => (seconds < 172800 ? duration(Math.max(seconds, 0) * 1000) : SHORT.format(seconds / 86400) + " d");

    function share(part) {
        if (part === null) {
            return "–";
        }
        // rounded down, so that 100 % means all
        return (Math.floor(part * 1000) / 10).toLocaleString(lang) + " %";
    }

    // --- making nodes: text is text, whatever a remote says ------------------------------------------------------------

    function make(tag, className, ...children) {
        const node = document.createElement(tag);
        node.className = className || "";
        node.append(...children.filter((child) => child !== null && child !== ""));
        return node;
    }

    function link(url, text, key) {
        if (!url) {
            return text;
        }
        const node = make("a", "", text);
        node.href = url;
        node.dataset.key = key || url;
        return node;
    }

    function cell(label, className, ...children) {
        const node = make("td", className, ...children);
        node.dataset.label = label;
        return node;
    }

    /* Show something where it differs from what is shown; whoever has the focus on a link of it keeps it. */
    function show(id, value, build) {
        const text = JSON.stringify(value);
        if (shown[id] === text) {
            return;
        }
        shown[id] = text;
        const place = document.getElementById(id);
        const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
        place.replaceChildren(...[build(value)].flat());
        if (key) {
            const again = [...place.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);
            if (again) {
                again.focus({ preventScroll: true });
            }
        }
    }

    // --- the parts of the page ----------------------------------------------------------------------------------------

    function head() {
        const worst = data.attention.some((each) => each.level === "bad") ? "bad" : data.attention.length ? "warn" : "";
        document.getElementById("board-verdict").className = "board-verdict" + (worst ? " board-" + worst : "");
        show("board-verdict", worst, (level) => (level ? words.look : words.well));
        document.title = (worst === "bad" ? "✕ " : worst ? "! " : "✓ ") + document.title.replace(/^[✕!✓] /, "");
        show("board-attention", data.attention, (all) =>
            all.map((each) => make("li", "board-" + each.level, link(each.url, each.text))));
        show("board-pulse", data.pulse, (pulse) => [workers(pulse), beat(pulse), swept(pulse), counted(pulse)]);
    }

    function workers(pulse) {
        if (pulse.workers === null) {
            return make("li", pulse.working ? "board-warn" : "board-bad", words.workers_unknown);
        }
        const n = pulse.workers.length;
        const item = make("li", n ? "" : "board-bad", n === 1 ? words.worker : n ? say("workers", { n: n }) : words.no_workers);
        item.title = pulse.workers.join(", ");
        return item;
    }

    function beat(pulse) {
        const word = pulse.beat === null ? words.beat_unknown : pulse.beat ? words.beat : words.no_beat;
        return make("li", pulse.beat ? "" : "board-warn", word);
    }

    function swept(pulse) {
        const text = pulse.swept_s === null ? words.never_swept : say("swept", { age: "< " + age(pulse.swept_s + 10) });
        return make("li", pulse.swept ? "" : "board-bad", text);
    }

    function counted(pulse) {
        const late = pulse.rolled_s === null || pulse.rolled_s > 120;
        const text = pulse.rolled_s === null ? words.never_counted : say("counted", { age: "< " + age(pulse.rolled_s + 10) });
        return make("li", late ? "board-warn" : "", text);
    }

    function tiles() {
        const panel = data.panel;
        show("tile-success", [panel.success, panel.calls], ([part, calls]) =>
            [share(part), make("small", "", calls ? say("of_calls", { n: WHOLE.format(calls) }) : words.none)]);
        show("tile-mean", panel.mean_ms, (ms) => [duration(ms), make("small", "")]);
        show("tile-retrying", [panel.retrying, panel.oldest_s], ([n, oldest]) =>
            [count(n), make("small", "", oldest === null ? "" : say("oldest", { age: age(oldest) }))]);
        const url = (data.connections.find((one) => one.stuck_url) || {}).stuck_url;
        document.getElementById("tile-dead").className = panel.dead ? "board-bad" : "";
        show("tile-dead", [panel.dead, url], ([n, to]) => [n ? link(to, count(n)) : count(n), make("small", "")]);
    }

    function connections() {
        show("board-rows", data.connections, (rows) => {
            if (!rows.length) {
                const only = make("td", "", words.no_connection);
                only.colSpan = 10;
                return make("tr", "", only);
            }
            const labels = [...document.querySelectorAll("[aria-labelledby=board-connections] thead th")];
            return rows.map((one) => row(one, labels.map((th) => th.firstChild.textContent)));
        });
    }

    function row(one, labels) {
        const name = make("th", "", link(one.url, one.name));
        name.scope = "row";
        return make("tr", "", name,
            cell(labels[1], "", state(one)),
            cell(labels[2], "", count(one.backlog), small(one.oldest_s === null ? "" : say("oldest", { age: age(one.oldest_s) }))),
            cell(labels[3], "", states(one)),
            cell(labels[4], "", stuck(one)),
            cell(labels[5], "", say("per_minute", { n: SHORT.format(one.per_minute) })),
            cell(labels[6], "", share(one.success), small(one.calls ? say("of_calls", { n: WHOLE.format(one.calls) }) : "")),
            cell(labels[7], "", spread(one.call)),
            cell(labels[8], "", spread(one.applied)),
            cell(labels[9], "", ...limits(one)));
    }

    const spread = (of) => (of.p50 === null ? "–" : make("span", "board-line-of", duration(of.p50) + " · " + duration(of.p95)));
    const small = (text) => (text ? make("small", "", text) : null);

    function state(one) {
        const word = { open: words.open, shut: words.shut, paused: words.held, unregistered: words.unregistered }[one.state];
        const badge = { open: "synced", shut: "dead", paused: "retrying", unregistered: "unknown" }[one.state];
        const until = one.until ? say("until", { time: SECONDS.format(new Date(one.until)) }) : "";
        return make("div", "", make("span", "crudsync-badge crudsync-" + badge, word), small(until), small(one.reason));
    }

    function states(one) {
        const parts = one.counts.map(([name, n, url]) => {
            const word = name === "held" ? words.held_state : words[name] || name;
            return make("span", "crudsync-badge crudsync-" + name, link(url, word + " " + count(n)));
        });
        return parts.length ? make("div", "board-states", ...parts) : "–";
    }

    const stuck = (one) => (one.stuck ? make("span", "board-bad", link(one.stuck_url, count(one.stuck), "stuck" + one.id)) : "0");

    function limits(one) {
        const parts = one.buckets.map((each) => {
            if (!each.known) {
                return null;
            }
            const used = Math.round(each.used * 100);
            const per = each.per_s === 60 ? "min" : duration(each.per_s * 1000);
            const text = say("used", { used: used, limit: WHOLE.format(each.limit), per: per });
            const paused = each.paused_s ? say("remote_paused", { time: age(each.paused_s) }) : "";
            return make("div", "", meter(used), small(text), small(paused));
        });
        const told = [WHOLE.format(one.tokens) + " " + words.tokens, say("waited", { time: duration(one.waited_ms) })];
        const refused = one.throttled ? make("span", "board-bad", WHOLE.format(one.throttled) + " × 429") : null;
        return [...parts, small(told.join(", ")), refused];
    }

    function meter(used) {
        const node = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        node.setAttribute("class", "board-meter" + (used >= 90 ? " board-full" : ""));
        node.setAttribute("aria-hidden", "true");
        node.setAttribute("preserveAspectRatio", "none");
        node.setAttribute("viewBox", "0 0 100 8");
        for (const width of [100, used]) {
            const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
            part.setAttribute("width", width);
            part.setAttribute("height", 8);
            node.append(part);
        }
        return node;
    }

    function causes() {
        document.getElementById("board-failing").hidden = data.causes === null;
        show("board-causes", data.causes, (all) => {
            if (!all || !all.length) {
                const only = make("td", "", words.no_causes);
                only.colSpan = 5;
                return make("tr", "", only);
            }
            const labels = [...document.querySelectorAll("#board-failing thead th")].map((th) => th.textContent);
            return all.map((each) => {
                const what = make("th", "", link(each.url, each.what));
                what.scope = "row";
                return make("tr", "", what,
                    cell(labels[1], "", each.integrator),
                    cell(labels[2], "", make("span", "board-bad", count(each.open))),
                    cell(labels[3], "", WHOLE.format(each.times)),
                    cell(labels[4], "", DATE.format(new Date(each.last))));
            });
        });
    }

    // --- the charts ---------------------------------------------------------------------------------------------------

    function moment(seconds, whole) {
        const at = new Date(seconds * 1000);
        return (whole && data.span !== "1h") || data.span === "7d" ? DAY.format(at) : TIME.format(at);
    }

    const sum = (values) => WHOLE.format(values.reduce((all, each) => all + each, 0));
    const newest = (values) => duration(values.filter((each) => each !== null).pop());

    function quantiles(of) {
        return {
            kind: "lines",
            parts: [
                { name: of + "_p50", label: words.p50, mark: "first" },
                { name: of + "_p95", label: words.p95, mark: "second" },
            ],
            show: duration,
            sum: (series) => words.p50 + " " + newest(series[of + "_p50"]) + ", " + words.p95 + " " + newest(series[of + "_p95"]) + ".",
        };
    }

    const CHARTS = {
        calls: {
            kind: "bars",
            parts: [
                { name: "failed", label: words.failed, mark: "failed" },
                { name: "unknown", label: words.unknown, mark: "unclear" },
                { name: "succeeded", label: words.succeeded, mark: "succeeded" },
            ],
            more: [{ name: "retries", label: words.retries }, { name: "dead", label: words.dead_letters }],
            show: (value) => COMPACT.format(value),
            sum: (series) => sum(series.succeeded) + " " + words.succeeded + ", " + sum(series.failed) + " " + words.failed + ".",
        },
        applied: quantiles("applied"),
        latency: quantiles("call"),
        limit: {
            kind: "bars",
            parts: [
                { name: "throttled", label: words.throttled, mark: "failed" },
                { name: "tokens", label: words.tokens, mark: "tokens" },
            ],
            more: [{ name: "waited_s", label: words.waits, show: age }],
            show: (value) => COMPACT.format(value),
            sum: (series) => sum(series.tokens) + " " + words.tokens + ", " + sum(series.throttled) + " " + words.throttled + ".",
        },
    };

    const charts = [...board.querySelectorAll("[data-chart]")].map(
        (figure) => new window.crudsyncChart(figure, { ...CHARTS[figure.dataset.chart], time: moment, words: words }));

    function all() {
        head();
        tiles();
        connections();
        causes();
        const text = JSON.stringify(data.series);
        if (shown.series !== text) {
            shown.series = text;
            charts.forEach((chart) => chart.update(data.series));
        }
    }

    // --- live ---------------------------------------------------------------------------------------------------------

    function lamp(className, text) {
        document.getElementById("board-lamp").className = "board-lamp " + className;
        const place = document.getElementById("board-updated");
        if (place.textContent !== text) {
            place.textContent = text;
        }
    }

    function later(ms) {
        clearTimeout(timer);
        if (!held && !document.hidden) {
            timer = setTimeout(ask, ms);
        }
    }

    async function ask() {
        const mine = (asked += 1);
        const choice = new URLSearchParams(new FormData(document.getElementById("board-choice")));
        clearTimeout(timer);
        try {
            const answer = await fetch(settings.url + "?" + choice, { cache: "no-cache", credentials: "same-origin", signal: AbortSignal.timeout(20000) });
            if (answer.status === 401 || answer.status === 403) {
                lamp("board-off", words.refused);
                return;
            }
            if (!answer.ok) {
                throw new Error(answer.status);
            }
            const found = await answer.json();
            if (mine !== asked) {
                return; // another range was chosen meanwhile
            }
            data = found;
            wait = settings.every_s * 1000;
            lamp("board-on", say("updated", { time: SECONDS.format(new Date()) }));
            all();
        } catch {
            if (mine !== asked) {
                return;
            }
            wait = Math.min(wait * 2, LONGEST_MS);
            lamp("board-off", say("lost", { time: SECONDS.format(new Date(data.at)) }));
        }
        later(wait);
    }

    document.getElementById("board-choice").addEventListener("change", () => {
        const url = new URL(window.location);
        new FormData(document.getElementById("board-choice")).forEach((value, name) => url.searchParams.set(name, value));
        window.history.replaceState(null, "", url);
        ask();
    });
    document.getElementById("board-choice").addEventListener("submit", (event) => event.preventDefault());

    document.getElementById("board-hold").addEventListener("click", (event) => {
        held = !held;
        event.target.setAttribute("aria-pressed", String(held));
        clearTimeout(timer);
        asked += 1; // an answer that is under way changes nothing any more
        if (held) {
            lamp("", words.paused);
        } else {
            ask();
        }
    });

    document.addEventListener("visibilitychange", () => {
        clearTimeout(timer);
        if (!document.hidden && !held) {
            ask();
        }
    });

    all();
    lamp("board-on", say("updated", { time: SECONDS.format(new Date(data.at)) }));
    later(wait);
})();
