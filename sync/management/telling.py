"""A story as lines of text. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from django.utils import timezone

from sync.drain.decide import AWAITED
from sync.management.moments import clock, span, when
from sync.models import State
from sync.monitoring.account import Account
from sync.monitoring.attempts import Attempt
from sync.monitoring.prospect import Prospect
from sync.monitoring.remedy import Remedy
from sync.monitoring.story import Story

INDENT = "  "
BODY_WIDTH = 110
ANSWERED = "the remote answered "


def told(story: Story) -> Iterator[str]:
    """Yield the lines of a story.

    Args:
        story: of one object.
    """
    yield f"{story.model} {story.object_id}: {_headline(story)}"
    yield f"{INDENT}{_row(story)}; told at {timezone.localtime(story.at):%Y-%m-%d %H:%M:%S %Z}"
    yield from _inbox(story)
    if not story.accounts:
        yield from _indented(_next(story.next, story))
    for one in story.accounts:
        yield ""
        yield from _account(one, story)
    if story.more_accounts:
        yield "…and more connections than are told here: name one with --connection"


def _headline(story: Story) -> str:
    if not story.known:
        return "nothing is known of it here: no row, no save, no binding"
    if not story.accounts:
        return "changed, and not taken in yet" if story.inbox else "never sent, and nobody has asked for it"
    words = [f"{one.state.replace('_', ' ')} under {one.connection}" for one in story.accounts]
    return ", ".join(["a change waits in the inbox"] * bool(story.inbox) + words)


def _row(story: Story) -> str:
    if story.exists is None:
        return "no model of that label is installed"
    return "the row exists" if story.exists else "there is no such row (any more)"


def _inbox(story: Story) -> Iterator[str]:
    for save in story.inbox:
        who = f" by {save.actor}" if save.actor else ""
        why = f" ({save.reason})" if save.reason else ""
        yield f"{INDENT}{save.kind}{who}{why} {when(save.at, story.at)}: in the inbox, not taken in yet"
    if story.inbox_deeper and not story.inbox:
        yield f"{INDENT}the inbox holds more than was looked through: an older save of it may wait there"


def _account(one: Account, story: Story, *, child: bool = False) -> Iterator[str]:
    remote = f"remote id {one.remote_id}" if one.remote_id else "no remote id"
    yield f"{one.connection} · {one.object_type} {one.object_id} · {remote}" + (" (parent)" if child else "")
    yield from _indented(_standing(one, story))
    yield from _indented(_next(one.next, story))
    if one.remedies:
        yield f"{INDENT}you can:"
        yield from _indented(line for remedy in one.remedies for line in _remedy(remedy))
    yield from _indented(_attempts(one, story))
    if one.parent is not None:
        yield ""
        yield from _indented(_account(one.parent, story, child=True))


def _standing(one: Account, story: Story) -> Iterator[str]:
    yield f"{one.state.replace('_', ' ')}: {one.standing}"
    if one.code:
        yield f"why: {one.code}. {one.meaning}"
    if one.detail != one.meaning and one.detail.removeprefix(ANSWERED) not in one.standing:
        yield f"said: {one.detail}"
    if one.ignored:
        yield f"ignored: {one.ignored}"
    if one.binding is None:
        return
    if one.dirty_since is not None:
        since = f"unsent for {span((story.at - one.dirty_since).total_seconds())}"
        tries = f"; {one.tries} failed attempts since the last success" if one.tries else ""
        yield f"{since}, since {clock(one.dirty_since, story.at)}{tries}"
    yield f"last agreed: {when(one.synced_at, story.at)}"
    yield f"taken in {_times(one.seq)}{f', last by {one.actor}' if one.actor else ''}{_unsent(one)}"
    if one.wanted != "auto":
        yield f"asked: {one.wanted}"
    if one.uncertain and one.state != State.IN_DOUBT:
        yield f"in doubt: {_doubt(one.uncertain)}"
    yield from (f"{name}: {text}" for name, text in (("sent", one.sent), ("their answer", one.seen)) if text)


def _unsent(one: Account) -> str:
    if not one.unsent or not one.attempts:
        return ""
    if one.skipped:
        last = "last one" if one.unsent == 1 else f"last {one.unsent}"
        return f"; the {last} needed no call, as the remote has it already"
    return f"; {_times(one.unsent)} since the last attempt"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _doubt(uncertain: str) -> str:
    return "an earlier write may land yet" if uncertain in AWAITED else f"its last {uncertain} may have been applied"


def _next(coming: tuple[Prospect, ...], story: Story) -> Iterator[str]:
    for place, each in enumerate(coming):
        at = f" {when(each.at, story.at)}." if each.at is not None else ""
        yield f"{'next' if place == 0 else 'then'}: {each.sentence}{at}"


def _remedy(remedy: Remedy) -> Iterator[str]:
    yield f"- {remedy.sentence}"
    if remedy.command:
        yield f"    {remedy.command}"
    if remedy.page:
        yield f"    {remedy.page}"


def _attempts(one: Account, story: Story) -> Iterator[str]:
    if not one.attempts:
        yield "attempts: none" if one.binding is not None else ""
        return
    yield "attempts, newest first:"
    said = {one.code: one.detail}  # what was said above, or of the attempt before, is not said again
    for each in one.attempts:
        yield from (f"{INDENT}{line}" for line in _attempt(each, story, said))
        said = {**said, each.code: each.detail}
    if one.older:
        yield f"{INDENT}…and older ones (--limit)"


def _attempt(each: Attempt, story: Story, said: Mapping[str, str]) -> Iterator[str]:
    took = "" if each.duration_ms is None else f", {max(each.duration_ms, 1):.0f} ms"
    answer = " ".join(part for part in (str(each.status_code or ""), each.code) if part)
    ended = f"{each.status.replace('_', ' ')}{f' ({answer})' if answer else ''}{took}"
    yield f"#{each.id} {when(each.at, story.at)}: {each.verb}, {ended}{_cause(each)}"
    if each.meaning and each.code not in said:
        yield f"{INDENT}{each.meaning}"
    if each.detail and each.detail != said.get(each.code):
        yield f"{INDENT}{each.detail}"
    for name, text in (("request", each.request), ("answer", each.response)):
        if text:
            yield from textwrap.wrap(f"{name}: {text}", BODY_WIDTH, initial_indent=INDENT, subsequent_indent=INDENT * 2)


def _cause(each: Attempt) -> str:
    """Who brought it about, and how many changes went in it."""
    merged = f"taken in {each.merged} times before it" if each.merged > 1 else ""
    again = "the same again" if each.merged == 0 else ""
    words = ", ".join(part for part in (merged, again, f"by {each.actor}" if each.actor else "") if part)
    return f"; {words}" if words else ""


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"{INDENT}{line}" if line else "" for line in lines)
