"""What logs and traces are told of an object on its way: whose it is, what caused it, and how each attempt ended."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync import tracing
from sync.bindings.rows import Claimed
from sync.correlation.fields import about
from sync.correlation.origin import parse
from sync.models import Status

if TYPE_CHECKING:
    from sync.drain.attempt import Attempt
    from sync.drain.recorder import Result
    from sync.drain.send import Dispatch


@dataclass(frozen=True, slots=True)
class Several:
    """Objects of one type that travel in one request."""

    object_type: str
    correlation_id: str
    object_id: str = ""


def of(claim: Claimed) -> about:
    """Let what is done inside the block be done for this object."""
    return about(claim)


def built(attempts: Sequence[Attempt], operation: int = 0) -> about:
    """Let what is done inside the block be done for these attempts.

    Several are of no one request, unless it is the same for all.

    Args:
        attempts: of one request.
        operation: the record of the first, where there is one.
    """
    claim = attempts[0].plan.claim
    if len(attempts) == 1:
        return about(claim, operation)
    ids = {item.plan.claim.correlation_id for item in attempts}
    return about(Several(claim.object_type, ids.pop() if len(ids) == 1 else ""))


def begun(attempts: Sequence[Attempt], operations: Sequence[int]) -> tuple[Any, ...]:
    """Start a span for each attempt, none where there are no traces."""
    if not tracing.active():
        return ()
    return tuple(_span(item, id_) for item, id_ in zip(attempts, operations, strict=True))


def under_way(dispatch: Dispatch) -> AbstractContextManager[Any]:
    """Let what is done inside the block be done for what is under way, in its span where it is a single object."""
    told = built(dispatch.attempts, dispatch.operations[0])
    if len(dispatch.spans) != 1:
        return told
    both = ExitStack()
    both.enter_context(told)
    both.enter_context(tracing.inside(dispatch.spans[0]))
    return both


def over(dispatch: Dispatch, results: Sequence[Result]) -> None:
    """End the spans of what is over."""
    for span, result in zip(dispatch.spans, results, strict=False):
        done = result.finished
        span.say({"crudsync.status": str(done.status), "crudsync.code": done.code})
        if done.status != Status.SUCCEEDED:
            span.failed(done.code or str(done.status))
        span.end()


def _span(item: Attempt, operation: int) -> Any:
    claim = item.plan.claim
    return tracing.attempt(
        item.verb.value,
        parse(claim.origin).traces,
        {
            "crudsync.object_type": claim.object_type,
            "crudsync.object_id": claim.object_id,
            "crudsync.operation": operation,
            "crudsync.attempt": claim.attempts + 1,
            "crudsync.correlation_id": claim.correlation_id,
        },
    )
