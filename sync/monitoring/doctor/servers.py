"""Redis, the broker, the workers and beat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sync import conf
from sync.exceptions import LimiterUnavailable
from sync.monitoring.doctor.finding import Finding, failed, found, skipped, warned, words
from sync.monitoring.prospect import LATE_SWEEPS
from sync.ratelimit.server import Server
from sync.wake.fleet import Broker, Worker, version

MANY = 1000
FULL = 0.9
MEGABYTE = 1024 * 1024
SCHEDULED = ("crudsync.sweep", "crudsync.roll_up", "crudsync.alerts", "crudsync.reconcile", "crudsync.prune")
TASKS = ("crudsync.drain", *SCHEDULED)


def redis(seen: Server | Exception) -> Iterator[Finding]:
    """Judge the limiter's Redis."""
    if isinstance(seen, LimiterUnavailable):
        yield failed("redis", "No Redis is configured: nothing is sent.", "Set CRUDSYNC['redis_url'].")
        return
    if isinstance(seen, Exception):
        closed = conf.current().limiter_when_down != "local"
        so = "nothing is sent until it does" if closed else "each process uses its local share"
        words_ = f"Redis does not answer ({words(seen)}): {so}."
        yield failed("redis", words_, "See that it runs, and that CRUDSYNC['redis_url'] leads to it.")
        return
    used = f"{seen.used_bytes / MEGABYTE:.0f} MB in use"
    yield found("redis", f"Redis {seen.version} answers in {seen.took_ms:g} ms; {used}.")
    if seen.max_bytes and seen.policy != "noeviction":
        text = f"It may evict any key at {seen.max_bytes / MEGABYTE:.0f} MB ({seen.policy})."
        yield warned("redis", text, "Set maxmemory-policy noeviction: an evicted bucket begins empty, and calls wait.")
    if seen.max_bytes and seen.used_bytes > FULL * seen.max_bytes:
        yield warned("redis", "Its memory is nearly full.", "Raise maxmemory, or give crudsync a Redis of its own.")
    kept = "keeps its data over a restart" if seen.persistent else "keeps nothing over a restart"
    yield found("redis", f"It {kept}; buckets that are lost begin empty, and long windows are counted anew from rows.")


def broker(seen: Broker | Exception) -> Iterator[Finding]:
    """Judge the host's broker."""
    if isinstance(seen, Exception):
        text = f"The broker does not answer ({words(seen)}): workers only hear of changes by the sweep."
        yield failed("broker", text, "See that it runs, and that CELERY_BROKER_URL leads to it.")
        return
    waiting = "cannot say how many messages wait" if seen.waiting is None else f"{seen.waiting} messages wait"
    yield found("broker", f"The broker ({seen.kind}) answers; {waiting} in the queue {seen.queue!r}.")
    if seen.waiting is not None and seen.waiting > MANY:
        hint = "See that workers consume this queue; messages say only that there is something to do."
        yield warned("broker", f"{seen.waiting} messages wait in the queue {seen.queue!r}.", hint)


def workers(seen: Sequence[Worker] | Exception, integrators: Collection[str], timeout_s: float) -> Iterator[Finding]:
    """Judge the workers that answered.

    Args:
        seen: who answered.
        integrators: names registered in this process.
        timeout_s: for how long answers were waited for.
    """
    if isinstance(seen, Exception):
        yield skipped("workers", f"Nothing can be said of workers: {words(seen)} from the broker.")
        return
    if not seen:
        text = f"No worker answered within {timeout_s:g} s: nothing is sent."
        yield failed("workers", text, "Start one: celery -A yourproject worker; with several queues, on this one.")
        return
    for each in seen:
        yield from _worker(each, integrators)


def beat(swept_s: float | None, scheduled: Collection[str] | None) -> Iterator[Finding]:
    """Judge the sweep's age in seconds (None: never), and the schedule (names of tasks; None: no Celery app)."""
    limit_s = LATE_SWEEPS * conf.current().sweep_s
    if swept_s is None or swept_s > limit_s:
        last = "never" if swept_s is None else f"{swept_s:.0f} s ago"
        hint = "Start celery beat and a worker, and see that the schedule has our entries."
        yield failed("beat", f"The last sweep was {last}: retries and lost messages wait.", hint)
    else:
        yield found("beat", f"The last sweep was {swept_s:.0f} s ago.")
    if scheduled is None:
        yield warned("beat", "There is no Celery app in this process: the schedule cannot be seen.")
        return
    missing = [name for name in SCHEDULED if name not in scheduled]
    if missing:
        hint = "CELERY_BEAT_SCHEDULE |= schedule(), from tasks.schedule."
        yield warned("beat", f"The schedule has no entry for {', '.join(missing)}.", hint)
    else:
        yield found("beat", "The schedule has all entries.")


def _worker(each: Worker, integrators: Collection[str]) -> Iterator[Finding]:
    if not each.knows:
        text = "It answers, but does not know what it runs: an older version of ours, or none."
        yield warned("workers", text, "Deploy the same code everywhere, and restart it.", subject=each.name)
        return
    runs = f"django-crudsync {each.version or '?'}, Django {each.django}, Python {each.python}"
    missing = [name for name in TASKS if name not in each.tasks]
    strangers = sorted(set(integrators) - set(each.integrators))
    if missing:
        yield failed("workers", f"It lacks the tasks {', '.join(missing)}.", "Restart it.", subject=each.name)
    if strangers:
        text = f"It does not know the integrators {', '.join(strangers)}: their changes wait."
        yield failed("workers", text, "Deploy the same code everywhere, and restart it.", subject=each.name)
    if each.version != version():
        text = f"It runs {runs}; here is django-crudsync {version() or '?'}."
        yield warned("workers", text, "Restart it after a deployment.", subject=each.name)
    elif not missing and not strangers:
        yield found("workers", f"It answers, and runs {runs}.", subject=each.name)
