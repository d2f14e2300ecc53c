"""How an account stands at a glance: its gate, and the use of its rate limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from sync import ratelimit
from sync.admin import show
from sync.admin.inforce import Option, in_force
from sync.exceptions import ConfigurationError, LimiterUnavailable
from sync.integrators.options import limits
from sync.models import Connection, Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The use of one rate limit. ``used`` is a share in percent, 0 to 100."""

    name: str
    allowed: str
    free: int
    used: int
    next_token: str
    paused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an account's page shows first.

    ``shut`` is true while the gate is shut; ``trouble`` says why the use of the limit is not known, or what is wrong
    with the options.
    """

    sending: str
    shut: bool
    closures: int
    streak: int
    next_token: str
    buckets: Sequence[Bucket]
    options: Sequence[Option]
    trouble: Sequence[str]

    @classmethod
    def of(cls, connection: Connection) -> Health:
        """Return how an account stands: one query, where its gate was not read yet, and one look at Redis."""
        gate: Gate | None = getattr(connection, "gate", None)
        buckets, unknown = _buckets(connection)
        options, wrong = in_force(connection)
        blocked = gate.blocked_until if gate is not None else None
        return cls(
            sending=show.closed(connection) or _("open"),
            shut=blocked is not None and blocked > timezone.now(),
            closures=gate.closures if gate is not None else 0,
            streak=len(gate.streak) if gate is not None else 0,
            next_token=show.moment(gate.next_token_at) if gate is not None and gate.next_token_at else "",
            buckets=buckets,
            options=options,
            trouble=[text for text in (wrong, unknown if unknown != wrong else "") if text],
        )


def _buckets(connection: Connection) -> tuple[list[Bucket], str]:
    try:
        found = ratelimit.snapshot(connection.pk, limits(connection))
    except (LimiterUnavailable, ConfigurationError) as error:
        return [], str(error)
    return [_bucket(one) for one in found], ""


def _bucket(state: ratelimit.BucketState) -> Bucket:
    return Bucket(
        name=state.name,
        allowed=_("%(n)d in %(s)g s") % {"n": state.limit, "s": state.per_s},
        free=state.tokens,
        used=round(state.used * 100),
        next_token=_("in %(s).1f s") % {"s": state.next_s} if state.next_s else _("now"),
        paused=_("for %(s).0f s, as the remote said") % {"s": state.paused_s} if state.paused_s else show.NOTHING,
    )
