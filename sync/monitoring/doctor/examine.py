"""Look at everything that delivery needs, side by side and within a budget, and judge it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.apps import apps
from django.core import checks

from sync import conf, registry
from sync.checks.messages import TAG
from sync.exceptions import CrudSyncError, RateLimitExceeded
from sync.models import Connection, Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.codes import word
from sync.monitoring.doctor import database, keys, mapping, servers
from sync.monitoring.doctor.finding import Finding, Level, failed, found, skipped, together, warned, words
from sync.monitoring.probe import Probe, Reach, probe
from sync.ratelimit.server import server
from sync.wake import fleet
from sync.wake.host import host_celery

CLOCK_WARNING_S = 2.0
CLOCK_ERROR_S = 60.0
SHARE = 0.6
"""Of the budget is what one answer may take: what connects slowly, then answers slowly, still ends within it."""

ENDING_S = 1.5
SHORTEST_S = 0.3
TOKEN_S = 0.2
"""How often a token is asked for."""

HINTS = {
    Reach.UNAUTHORIZED: "Enter new credentials on the connection's page, or renew the account's grant.",
    Reach.LIMITED: "Wait; let rate_limit be what the remote allows.",
    Reach.DOWN: "Check base_url, and that the remote is up and reachable from this machine.",
    Reach.REFUSED: "Check base_url, the endpoint, and what the account may do.",
}


def examine(
    rows: Callable[[], Sequence[Connection]], *, timeout_s: float = 5.0, offline: bool = False
) -> tuple[Finding, ...]:
    """Return what was found: the database first, then the servers, then each connection.

    Args:
        rows: returns the connections to look at; called only where the database answers.
        timeout_s: for each group of looks, which run side by side; there are three of them.
        offline: no remote is called.
    """
    each_s = timeout_s * SHARE
    seen = together(
        {
            "database": database.look,
            "redis": partial(server, each_s),
            "broker": partial(fleet.broker, each_s),
            "workers": partial(fleet.workers, _listening_s(timeout_s)),
        },
        timeout_s,
    )
    return tuple(_told(seen, rows, timeout_s, offline=offline))


def exit_code(found_: Sequence[Finding], *, strict: bool = False) -> int:
    """Return 2 where something does not work, 1 where something is not as it should be and that counts, else 0."""
    levels = {each.level for each in found_}
    if Level.ERROR in levels:
        return 2
    return 1 if strict and Level.WARNING in levels else 0


def _listening_s(timeout_s: float) -> float:
    """For how long workers are listened to: all of that passes, and ending it takes a broker up to a second more."""
    return max(min(timeout_s * SHARE, timeout_s - ENDING_S), SHORTEST_S)


def _told(
    seen: dict[str, Any], rows: Callable[[], Sequence[Connection]], timeout_s: float, *, offline: bool
) -> Iterator[Finding]:
    there = seen["database"]
    if isinstance(there, Exception):
        hint = "See that it runs, and that DATABASES leads to it."
        yield failed("database", f"The database does not answer ({words(there)}).", hint)
    else:
        yield from database.findings(there)
    yield from servers.redis(seen["redis"])
    yield from servers.broker(seen["broker"])
    yield from servers.workers(seen["workers"], tuple(registry.integrators()), _listening_s(timeout_s))
    yield from _clock(there, seen["redis"])
    usable = not isinstance(there, Exception) and not there.unapplied
    yield from _settings(usable=usable)
    if not usable:
        yield skipped("connection", "Connections, keys and beat are looked at once the database is there and migrated.")
        return
    yield from _beat()
    connections = rows()
    yield from keys.findings(connections)
    yield from _connections(connections, timeout_s, offline=offline)


def _beat() -> Iterator[Finding]:
    if conf.current().enabled:
        yield from servers.beat(_swept_s(), _scheduled())
        return
    hint = "Set it to True where this site is meant to send."
    yield warned("settings", "CRUDSYNC['enabled'] is False: nothing is captured or sent.", hint)
    yield skipped("beat", "Switched off: nobody sweeps.")


def _clock(there: Any, redis: Any) -> Iterator[Finding]:
    """Times are compared by the database's clock; a wrong one here spoils what a person reads, and certificates."""
    looked_at = {"database": there, "Redis": redis}
    for name, seen in looked_at.items():
        if isinstance(seen, Exception):
            yield skipped("clock", f"The clock of the {name} server cannot be seen.", subject=name)
            continue
        ahead_s = seen.ahead_s
        text = f"The {name} clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's."
        hint = "Let NTP set both clocks."
        if abs(ahead_s) > CLOCK_ERROR_S:
            yield failed("clock", text, hint, subject=name)
        elif abs(ahead_s) > CLOCK_WARNING_S:
            yield warned("clock", text, hint, subject=name)
        else:
            yield found("clock", f"The {name} clock agrees with this machine's.", subject=name)


def _settings(*, usable: bool) -> Iterator[Finding]:
    messages = checks.run_checks(tags=[TAG], include_deployment_checks=True, databases=[alias()] if usable else None)
    told = [each for each in messages if not each.is_silenced()]
    for each in told:
        make = failed if each.level >= checks.ERROR else warned
        if each.level >= checks.WARNING:
            yield make("settings", str(each.msg), str(each.hint or ""), subject=str(each.id or ""))
    if not any(each.level >= checks.WARNING for each in told):
        yield found("settings", "All system checks pass.")


def _swept_s() -> float | None:
    using = alias()
    at = Sweep.objects.using(using).filter(name="sweep").values_list("at", flat=True).first()
    return None if at is None else max((now(using) - at).total_seconds(), 0.0)


def _scheduled() -> frozenset[str] | None:
    host = host_celery()
    if host is None:
        return None
    if not (host.database_scheduler and apps.is_installed("django_celery_beat")):
        return host.scheduled
    app, model = "django_celery_beat", "PeriodicTask"  # as variables: the app need not be installed
    tasks: Any = apps.get_model(app, model)
    rows = tasks.objects.filter(task__startswith="crudsync.", enabled=True).values_list("task", flat=True)
    return host.scheduled | frozenset(rows)


def _connections(rows: Sequence[Connection], timeout_s: float, *, offline: bool) -> Iterator[Finding]:
    known = [row for row in rows if row.integrator in registry.integrators()]
    for row in rows:
        if row not in known:
            text = f"No integrator {row.integrator!r} is registered here: its changes wait."
            yield failed("connection", text, "Register it, or remove the connection.", subject=str(row))
    if not rows:
        yield warned("connection", "There is no connection: no integrator is registered.", "See Declare a remote.")
    if offline:
        yield from (skipped("connection", "Not called: offline.", subject=str(row)) for row in known)
        return
    reached = together({str(row): partial(_probed, row, timeout_s * SHARE) for row in known}, timeout_s)
    for row in known:
        yield _reached(row, reached[str(row)])
    up = [row for row in known if getattr(reached[str(row)], "status", None) is Reach.UP]
    yield from _mappings(up, timeout_s)


def _probed(row: Connection, timeout_s: float) -> Probe:
    """A probe waits for no token; here there is time for one, and a bucket that nobody has used begins empty."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = probe(row, timeout_s)
        if seen.code != RateLimitExceeded.code or time.monotonic() + TOKEN_S > deadline:
            return seen
        time.sleep(TOKEN_S)


def _reached(row: Connection, seen: Probe | Exception) -> Finding:
    subject = str(row)
    if isinstance(seen, Exception):
        return failed("connection", f"It was not reached: {words(seen)}.", subject=subject)
    if seen.status is Reach.UP:
        text = f"The remote answers in {seen.response_time_ms or 0:.0f} ms, and takes our credentials."
        return found("connection", text, subject=subject)
    if seen.status is Reach.PAUSED:
        return skipped("connection", f"Not called: it is {seen.error}.", subject=subject)
    make = warned if seen.status is Reach.LIMITED else failed
    hint = word(seen.code).cure or HINTS[seen.status]
    return make("connection", f"{seen.status.value}: {seen.error}.", hint, subject=subject)


def _mappings(rows: Sequence[Connection], timeout_s: float) -> Iterator[Finding]:
    looks = {
        f"{row} {name}": partial(mapping.look, row, name, timeout_s * SHARE)
        for row in rows
        for name in _types(row.integrator)
    }
    for subject, seen in together(looks, timeout_s).items():
        if isinstance(seen, Exception):
            yield skipped("mapping", f"Cannot tell: {words(seen)}.", subject=subject)
        else:
            yield from seen


def _types(integrator: str) -> Sequence[str]:
    try:
        return tuple(registry.get(integrator).types())
    except CrudSyncError:  # the system checks name it
        return ()
