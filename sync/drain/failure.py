"""A drain that fails in Python gives back what it has claimed: an error is no crash, and no object's alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError, connections

from sync import bindings, operations
from sync.bindings.rows import Claimed
from sync.drain import gate
from sync.exceptions import CrudSyncError
from sync.models.database import alias
from sync.retry import ever_later
from sync.secrets import trace

logger = logging.getLogger("crudsync.drain")

CODE = "drain_failed"

DATABASE_S = 5.0
"""When objects come back in whose hands our own database went away."""

ALONE_S = (60.0, 3600.0)
"""When an object comes back that was alone in hand: half as long as it is dirty, within these bounds."""


def failed(connection_id: int, claims: Sequence[Claimed], error: Exception, *, probing: bool) -> None:
    """Shut the gate where it is not one object's error, with the reason, and give the claimed objects back.

    Never raises: the error that is under way is the one to be seen.

    Args:
        connection_id: the connection.
        claims: what was in hand.
        error: what the drain raises.
        probing: the object in hand was the gate's probe.
    """
    logger.error(
        "the drain of connection %s failed with %s objects in hand\n%s", connection_id, len(claims), trace(error)
    )
    gate_s = 0.0
    if not _of_database(error) and (len(claims) != 1 or probing):
        try:
            gate_s = gate.shut(connection_id, None, f"The drain failed: {_words(error)}")
        except Exception as second:  # noqa: BLE001 - the first one is the one to be seen
            logger.error(  # noqa: TRY400 - without secrets
                "the gate of connection %s could not be shut\n%s", connection_id, trace(second)
            )
    let_go(claims, error, gate_s)


def let_go(claims: Sequence[Claimed], error: Exception, gate_s: float = 0.0) -> None:
    """Give claimed objects back, those of a batch to be claimed one at a time: the one that fails shows itself.

    Never raises.

    Args:
        claims: objects under our lease; those settled since are left as they are.
        error: why.
        gate_s: seconds until the connection's gate opens again.
    """
    if not claims:
        return
    try:
        _refresh(error)
        _give_back(claims, error, gate_s)
    except Exception as second:  # noqa: BLE001 - whatever stood in the way: the leases end by themselves
        logger.error(  # noqa: TRY400 - without secrets
            "%s objects stay leased until their leases end\n%s", len(claims), trace(second)
        )


def _give_back(claims: Sequence[Claimed], error: Exception, gate_s: float) -> None:
    alone = len(claims) == 1
    after_s = DATABASE_S if _of_database(error) else ever_later(claims[0].dirty_s, ALONE_S) if alone else gate_s
    bindings.let_go(
        claims,
        operations.left_open([claim.id for claim in claims], [claim.lease_token for claim in claims]),
        claims_kept=0 if alone or _of_database(error) else 1,
        after_s=after_s,
        code=CODE,
        detail=f"The drain failed while it was in hand: {_words(error)}",
    )


def _of_database(error: Exception) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))


def _refresh(error: Exception) -> None:
    """A connection that broke is opened anew; inside a transaction there is no other."""
    connection = connections[alias()]
    if _of_database(error) and not connection.in_atomic_block:
        connection.close()


def _words(error: Exception) -> str:
    """An error of ours in its own words; of a stranger's the name alone, since its text may hold anything."""
    return str(error) if isinstance(error, CrudSyncError) else f"{type(error).__name__}, see the worker's log"
