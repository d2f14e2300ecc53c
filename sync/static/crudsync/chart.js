/* One small chart: stacked bars, or lines on a logarithmic scale. Drawn as SVG, coloured by the style sheet alone,
   read by pointer or arrow keys, and told as a table to whoever cannot see it. */
"use strict";

window.crudsyncChart = (function () {
    const SVG = "http://www.w3.org/2000/svg";
    const HEIGHT = 190;
    const PAD = { top: 10, right: 10, bottom: 24, left: 52 };

    function draw(name, attributes, parent) {
        const node = document.createElementNS(SVG, name);
        for (const [key, value] of Object.entries(attributes)) {
            node.setAttribute(key, value);
        }
        if (parent) {
            parent.append(node);
        }
        return node;
    }

    function make(tag, className, text) {
        const node = document.createElement(tag);
        node.className = className || "";
        if (text !== undefined) {
            node.textContent = text;
        }
        return node;
    }

    /* The smallest of 1, 2, 5, 10, 20 … that is not below a number. */
    function nice(number) {
        const power = 10 ** Math.floor(Math.log10(number));
        return [1, 2, 5, 10].find((each) => each * power >= number * 0.999999) * power;
    }

    function linear(highest) {
        const step = Math.max(1, nice(Math.max(highest, 1) / 4));
        const top = Math.max(step, Math.ceil(highest / step) * step);
        const ticks = [];
        for (let at = 0; at <= top; at += step) {
            ticks.push(at);
        }
        return { ticks: ticks, share: (value) => value / top };
    }

    function logarithmic(lowest, highest) {
        const low = Math.floor(Math.log10(Math.max(lowest, 0.1)));
        const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(highest, 0.2)) - 1e-9));
        const ticks = [];
        for (let power = low; power <= high; power += 1) {
            ticks.push(10 ** power);
        }
        return { ticks: ticks, share: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low) };
    }

    /* options: kind ("bars" or "lines"), parts [{name, label, mark}], more [{name, label, show}] (told, not drawn),
       show(value), time(seconds), words */
    function Chart(figure, options) {
        this.options = options;
        this.series = null;
        this.at = null;
        this.plot = make("div", "board-plot");
        this.plot.tabIndex = 0;
        this.plot.setAttribute("role", "group");
        this.svg = draw("svg", { height: HEIGHT, "aria-hidden": "true", focusable: "false" }, this.plot);
        this.tip = make("div", "board-tip");
        this.tip.hidden = true;
        this.plot.append(this.tip);
        this.legend = make("ul", "board-legend");
        for (const part of options.parts) {
            const item = make("li", "board-key board-" + part.mark, part.label);
            this.legend.append(item);
        }
        this.told = make("p", "visually-hidden");
        this.told.setAttribute("aria-live", "polite");
        this.table = this.makeTable();
        figure.append(this.legend, this.plot, this.told, this.table);
        this.title = figure.querySelector("figcaption").textContent;
        this.listen();
    }

    Chart.prototype.makeTable = function () {
        const details = make("details", "board-details");
        details.append(make("summary", "", this.options.words.as_table));
        const scroll = make("div", "board-table board-scroll");
        scroll.tabIndex = 0;
        scroll.setAttribute("role", "region");
        const table = make("table", "");
        const head = table.createTHead().insertRow();
        for (const text of [this.options.words.at, ...this.told_parts().map((part) => part.label)]) {
            const cell = make("th", "", text);
            cell.scope = "col";
            head.append(cell);
        }
        table.append(make("tbody", ""));
        scroll.append(table);
        details.append(scroll);
        details.addEventListener("toggle", () => this.fill());
        return details;
    };

    Chart.prototype.told_parts = function () {
        return [...this.options.parts, ...(this.options.more || [])];
    };

    Chart.prototype.listen = function () {
        this.plot.addEventListener("pointermove", (event) => {
            const box = this.svg.getBoundingClientRect();
            this.point(Math.floor((event.clientX - box.left - PAD.left) / this.wide()), false);
        });
        this.plot.addEventListener("pointerleave", () => this.leave());
        this.plot.addEventListener("blur", () => this.leave());
        this.plot.addEventListener("keydown", (event) => this.key(event));
        new ResizeObserver(() => this.redraw()).observe(this.plot);
    };

    Chart.prototype.key = function (event) {
        const last = this.series ? this.series.at.length - 1 : 0;
        const from = this.at === null ? last + 1 : this.at;
        const to = { ArrowLeft: from - 1, ArrowRight: this.at === null ? last : from + 1, Home: 0, End: last }[event.key];
        if (event.key === "Escape") {
            this.leave();
        } else if (to !== undefined) {
            event.preventDefault();
            this.point(to, true);
        }
    };

    Chart.prototype.update = function (series) {
        this.series = series;
        const words = this.options.words;
        this.plot.setAttribute("aria-label", this.title + ". " + this.options.sum(series) + " " + words.chart_hint);
        this.table.querySelector("[role=region]").setAttribute("aria-label", this.title);
        this.redraw();
        this.fill();
    };

    Chart.prototype.wide = function () {
        return (this.width - PAD.left - PAD.right) / this.series.at.length;
    };

    Chart.prototype.y = function (share) {
        return PAD.top + (1 - share) * (HEIGHT - PAD.top - PAD.bottom);
    };

    Chart.prototype.redraw = function () {
        this.width = this.plot.clientWidth;
        if (!this.series || !this.width) {
            return;
        }
        this.svg.setAttribute("width", this.width);
        this.svg.replaceChildren();
        const values = this.options.parts.map((part) => this.series[part.name]);
        const known = values.flat().filter((value) => value !== null && value > 0);
        const bars = this.options.kind === "bars";
        const sums = this.series.at.map((_, step) => values.reduce((sum, each) => sum + (each[step] || 0), 0));
        const scale = bars
            ? linear(Math.max(...sums, 1))
            : logarithmic(Math.min(...(known.length ? known : [1])), Math.max(...(known.length ? known : [1000])));
        this.axes(scale);
        this.cursor = draw("rect", { class: "board-cursor", y: PAD.top, height: HEIGHT - PAD.top - PAD.bottom, width: 0 }, this.svg);
        this.options.parts.forEach((part, place) => {
            if (bars) {
                this.bars(part, values, place, scale);
            } else {
                this.line(part, values[place], scale);
            }
        });
        if (!known.length) {
            const text = draw("text", { class: "board-empty", x: this.width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, this.svg);
            text.textContent = this.options.words.no_data;
        }
        if (this.at !== null) {
            this.point(this.at, false);
        }
    };

    Chart.prototype.axes = function (scale) {
        for (const tick of scale.ticks) {
            const y = this.y(scale.share(tick));
            draw("line", { class: "board-grid", x1: PAD.left, x2: this.width - PAD.right, y1: y, y2: y }, this.svg);
            const text = draw("text", { class: "board-axis", x: PAD.left - 6, y: y + 4, "text-anchor": "end" }, this.svg);
            text.textContent = this.options.show(tick);
        }
        const count = this.series.at.length;
        const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(this.width / 90))));
        for (let step = 0; step < count; step += every) {
            const x = PAD.left + (step + 0.5) * this.wide();
            if (x < this.width - 24) {
                const text = draw("text", { class: "board-axis", x: x, y: HEIGHT - 6, "text-anchor": "middle" }, this.svg);
                text.textContent = this.options.time(this.series.at[step], false);
            }
        }
    };

    Chart.prototype.bars = function (part, values, place, scale) {
        const wide = this.wide();
        const gap = wide > 4 ? 1 : 0;
        this.series.at.forEach((_, step) => {
            const below = values.slice(0, place).reduce((sum, each) => sum + (each[step] || 0), 0);
            const value = values[place][step] || 0;
            if (value) {
                const top = this.y(scale.share(below + value));
                // what is rare is seen all the same: no bar is flatter than two pixels
                const height = Math.max(this.y(scale.share(below)) - top, 2);
                draw("rect", { class: "board-" + part.mark, x: PAD.left + step * wide, y: top, width: Math.max(wide - gap, 1), height: height }, this.svg);
            }
        });
    };

    Chart.prototype.line = function (part, values, scale) {
        let path = "";
        let alone = true;
        const wide = this.wide();
        values.forEach((value, step) => {
            if (value === null) {
                alone = true;
                return;
            }
            const x = PAD.left + (step + 0.5) * wide;
            const y = this.y(scale.share(value));
            path += (alone ? "M" : "L") + x.toFixed(1) + " " + y.toFixed(1);
            if (alone && (step + 1 >= values.length || values[step + 1] === null)) {
                draw("circle", { class: "board-dot board-" + part.mark, cx: x, cy: y, r: 2.5 }, this.svg);
            }
            alone = false;
        });
        if (path) {
            draw("path", { class: "board-line board-" + part.mark, d: path }, this.svg);
        }
    };

    Chart.prototype.line_of = function (step) {
        return this.told_parts().map((part) => {
            const value = this.series[part.name][step];
            const show = part.show || this.options.show;
            return [part, value === null ? "–" : show(value)];
        });
    };

    Chart.prototype.point = function (step, aloud) {
        if (!this.series || !this.cursor) {
            return;
        }
        this.at = Math.min(Math.max(step, 0), this.series.at.length - 1);
        const x = PAD.left + this.at * this.wide();
        this.cursor.setAttribute("x", x);
        this.cursor.setAttribute("width", Math.max(this.wide(), 1));
        const when = this.options.time(this.series.at[this.at], true);
        const lines = this.line_of(this.at);
        this.tip.replaceChildren(make("strong", "", when));
        for (const [part, text] of lines) {
            this.tip.append(make("span", "board-key board-" + (part.mark || "none"), part.label + " " + text));
        }
        this.tip.hidden = false;
        const left = Math.min(Math.max(x - this.tip.offsetWidth / 2, 0), this.width - this.tip.offsetWidth);
        this.tip.style.transform = "translateX(" + Math.round(left) + "px)";
        if (aloud) {
            this.told.textContent = when + ": " + lines.map(([part, text]) => part.label + " " + text).join(", ");
        }
    };

    Chart.prototype.leave = function () {
        this.at = null;
        this.tip.hidden = true;
        if (this.cursor) {
            this.cursor.setAttribute("width", 0);
        }
    };

    Chart.prototype.fill = function () {
        if (!this.table.open || !this.series) {
            return;
        }
        const rows = this.series.at.map((seconds, step) => {
            const row = document.createElement("tr");
            const head = make("th", "", this.options.time(seconds, true));
            head.scope = "row";
            row.append(head, ...this.line_of(step).map(([, text]) => make("td", "", text)));
            return row;
        });
        this.table.querySelector("tbody").replaceChildren(...rows.reverse());
    };

    return Chart;
})();
