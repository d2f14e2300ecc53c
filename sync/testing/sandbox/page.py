"""The page for people: what the remote holds, and what it was asked last."""

from __future__ import annotations

import datetime as dt
from heapq import nlargest
from html import escape
from itertools import islice

from sync.testing.sandbox import payload
from sync.testing.sandbox.collection import Collection
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.entry import Entry
from sync.testing.sandbox.message import Reply, Request, encode_json
from sync.testing.sandbox.remote import SandboxRemote

OBJECTS = 25
REQUESTS = 20
REFRESH_S = 3
POLICY = "default-src 'none'; style-src 'self'"

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #c0392b; --good: #1e8449; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7dce9a; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .2rem 0; opacity: .8; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td.body { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere; min-width: 14rem; }
tr:hover { background: var(--soft); }
.bad { color: var(--bad); }
.good { color: var(--good); }
"""


def stylesheet() -> Reply:
    """Return the style sheet."""
    return Reply(body=STYLE.encode(), content_type="text/css; charset=utf-8")


def render(remote: SandboxRemote, request: Request) -> Reply:
    """Return the page. ``?refresh=0`` stops it from loading itself again."""
    still = request.params.get("refresh") == "0"
    collections = sorted(remote.store.collections.values(), key=lambda held: held.name)
    tables = [_collection(held, remote.config.of(held.name)) for held in collections]
    requests = [_request(entry) for entry in islice(reversed(remote.journal.entries), REQUESTS)]
    again = '<a href="/">Refresh by itself</a>' if still else '<a href="/?refresh=0">Stop refreshing</a>'
    links = " · ".join(
        f'<a href="#{escape(held.name)}">{escape(held.name)} {len(held.items)}</a>' for held in collections
    )
    html = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox remote</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{"" if still else f'<meta http-equiv="refresh" content="{REFRESH_S}">'}
<link rel="stylesheet" href="/__style__.css"></head><body>
<h1>Sandbox remote</h1>
<p>{remote.journal.seq} requests. {_faults(remote)} {again}</p>
<p>{links or "It holds nothing yet."}</p>
<h2>Last requests</h2>
{_table(("#", "at", "request", "status", "applied", "ms", "fault", "body"), requests)}
{"".join(tables)}
</body></html>
"""
    headers = (("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"))
    return Reply(body=html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", headers=headers)


def _faults(remote: SandboxRemote) -> str:
    left = [rule for rule in remote.rules.rules if not rule.times or rule.fired < rule.times]
    named = ", ".join(f"{rule.name} (fired {rule.fired})" for rule in left)
    return f'<span class="bad">Faults in force: {escape(named)}.</span>' if named else "No faults in force."


def _collection(held: Collection, config: Config) -> str:
    newest = nlargest(OBJECTS, held.items.values(), key=lambda item: item.revision)
    rows = []
    for item in newest:
        own = {key: value for key, value in payload.shown(item, config).items() if key != config.id_field}
        rows.append(f'<td>{escape(item.id[:80])}</td><td class="body">{escape(encode_json(own)[:500])}</td>')
    more = f", the {OBJECTS} changed last" if len(held.items) > OBJECTS else ""
    title = f'<h2 id="{escape(held.name)}">{escape(held.name)} ({len(held.items)}{more})</h2>'
    return f"{title}{_table(('id', 'object'), rows)}"


def _request(entry: Entry) -> str:
    at = dt.datetime.fromtimestamp(entry.at, dt.UTC).strftime("%H:%M:%S.%f")[:-3]
    tone = "good" if 200 <= entry.status < 400 else "bad"
    path = entry.path + (f"?{entry.query}" if entry.query else "")
    return (
        f"<td>{entry.seq}</td><td>{at}</td><td>{escape(entry.method)} {escape(path[:120])}</td>"
        f'<td class="{tone}">{entry.status or "none"}</td><td>{"yes" if entry.applied else ""}</td>'
        f"<td>{entry.duration_s * 1000:.1f}</td><td>{escape(entry.fault)}</td>"
        f'<td class="body">{escape(entry.body[:200])}</td>'
    )


def _table(titles: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
