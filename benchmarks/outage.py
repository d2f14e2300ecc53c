"""A remote that is away for ten virtual minutes while 10,000 objects are due: calls, dead letters, and the recovery.

Run ``python -m benchmarks.outage [--rows 10000] [--minutes 10] [--limit 150] [--real-s 30] [--json]``. Three outages:
connections are refused, closed without an answer, or every call is answered 503. After the last one the remote is there
again, and a real worker with beat delivers all within the limit.

Virtual time: whatever decides here is a row's time compared with the database's clock, so n seconds pass by moving
every time in crudsync's tables back by n. Between two moves real drains of this process do real calls; the clock is
moved to the first sweep (one every 5 s) at which the gate opens or an object is due, and in between no sweep would find
anything to do. The limiter's clock is Redis's own and is not moved: its bucket is never fuller than it would be. The
time inside an intent is not moved either: ten minutes are nothing to a key that lives a day. For credit, the first
seconds of an outage are measured in real time, too, with a real worker and beat: ``calls_first_real`` beside
``calls_first_virtual``.

An object is dead once its attempts are used up and it is dirty for longer than ``max_age``, which here is 30 s and not
an hour: an attempt that the outage cost an object would show.
"""

from __future__ import annotations

import argparse
import bisect
import datetime as dt
import math
import time
from typing import Any

from benchmarks.limiter import judge
from benchmarks.measure import show
from benchmarks.remote import calls_of, remote
from benchmarks.soak import mood
from benchmarks.stage import Stage, clear, people, stage
from project.servers import LOOPBACK, free_port, wait_until
from sync.types import RateLimit

DONE_S = 600.0
PER_S = 2.0
KINDS = ("refused", "reset", "503")


def run(rows: int = 10_000, minutes: float = 10.0, limit: int = 150, real_s: float = 30.0) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        rows: objects that are due.
        minutes: how long the remote is away, virtual.
        limit: calls a second that the remote allows.
        real_s: seconds of the outage that is measured in real time.
    """
    figures: dict[str, Any] = {"rows": rows, "virtual_s": minutes * 60}
    with remote() as url, stage(remote=url, LOG_LEVEL="ERROR") as found:
        _prepare(limit)
        figures["calls_first_real"] = _real(found, url, rows, real_s)
        for kind in KINDS:
            _fill(rows)
            times = _away(url, kind, minutes * 60)
            figures |= {f"calls_{kind}": len(times), f"dead_{kind}": _count("dead"), f"attempts_{kind}": _attempts()}
            if kind == KINDS[-1]:
                figures["calls_first_virtual"] = bisect.bisect_right(times, real_s)
                figures |= _recover(found, url, limit)
            _clear()
    calls = max(figures[f"calls_{kind}"] for kind in KINDS)
    dead = max(figures[f"dead_{kind}"] for kind in KINDS) + figures["dead_at_the_end"]
    return {"calls_in_outage": calls, "dead_letters": dead, **figures}


def _prepare(limit: int) -> None:
    from sync import registry
    from sync.models import Connection

    options = {"rate_limit": {"limit": int(limit * PER_S), "per": PER_S}, "retry": {"attempts": 5, "max_age": 30.0}}
    Connection.objects.filter(pk=registry.connection("crm").pk).update(options=options)


def _fill(rows: int) -> None:
    """Make so many objects due."""
    from benchmarks.crm.models import Contact
    from sync import wake
    from sync.drain.intake import intake

    with wake.muted():
        Contact.objects.bulk_create(people(rows, Contact))
        intake()


def _leave(url: str, kind: str) -> None:
    """Take the remote away, or ("") bring it back."""
    from sync import registry

    base_url = f"http://{LOOPBACK}:{free_port()}/" if kind == "refused" else ""
    row = registry.connection("crm")
    row.base_url = base_url
    row.save()
    mood(url, away=kind if kind != "refused" else "")


def _away(url: str, kind: str, seconds: float) -> list[float]:
    """Let virtual seconds pass with the remote away, and return when each call was made, in virtual seconds."""
    from sync import conf, registry, wake
    from sync.drain import drain, sweep
    from sync.models import Operation

    connection_id = registry.connection("crm").pk
    _leave(url, kind)
    times: list[float] = []
    passed = 0.0
    with wake.muted():
        while True:
            began = time.monotonic()
            sweep()
            while drain(connection_id).more:
                pass
            passed += time.monotonic() - began
            times += [passed] * (Operation.objects.count() - len(times))
            if passed >= seconds:
                return times
            wait_s = math.ceil(_next_s(connection_id) / conf.current().sweep_s) * conf.current().sweep_s
            wait_s = min(max(wait_s, conf.current().sweep_s), max(seconds - passed, 0.001))
            pass_time(wait_s)
            passed += wait_s


def _next_s(connection_id: int) -> float:
    """Seconds until the gate opens; where it is open, until the first object is due."""
    from sync import bindings
    from sync.models import Gate
    from sync.models.clock import now
    from sync.models.database import alias

    until = Gate.objects.values_list("blocked_until", flat=True).get(connection_id=connection_id)
    left_s = (until - now(alias())).total_seconds() if until else 0.0
    return left_s if left_s > 0 else bindings.next_due_s(connection_id) or 0.0


def pass_time(seconds: float) -> None:
    """Move every time in crudsync's tables back by so many seconds, but for those of connections, which are labels."""
    from django.apps import apps
    from django.db.models import DateTimeField, F

    from sync.models import Connection

    for model in apps.get_app_config("crudsync").get_models():
        names = [field.name for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
        if names and model._meta.concrete_model is not Connection:
            model._default_manager.update(**{name: F(name) - dt.timedelta(seconds=seconds) for name in names})


def _recover(found: Stage, url: str, limit: int) -> dict[str, Any]:
    """Bring the remote back, wait for the gate in virtual time, deliver all with a worker, and judge its calls."""
    from sync import registry, wake
    from sync.models import Binding

    _leave(url, "")
    connection_id = registry.connection("crm").pk
    gate_s = _next_s(connection_id)
    pass_time(gate_s)
    before = len(calls_of(url))
    worker = found.worker("outage", "--pool=prefork", "--concurrency=2")
    beat = found.beat()
    try:
        wake.heard(connection_id)
        wake.ring([connection_id])
        pending = Binding.objects.filter(due_at__isnull=False)
        if not wait_until(lambda: not pending.exists(), DONE_S, every_s=0.5):
            raise RuntimeError(f"{pending.count()} objects were not delivered\n{worker.tail()}")
    finally:
        beat.stop()
        worker.stop()
    sends = [call[0] for call in calls_of(url)[before:]]
    rate = RateLimit(int(limit * PER_S), per=PER_S)
    seconds = [bisect.bisect_left(sends, at + 1.0) - place for place, at in enumerate(sends)]
    return {
        "gate_s_after": round(gate_s, 1),
        "windows_over": judge(sends, rate, sends[-1])["windows_over"],
        "share_used": judge(sends, rate, sends[-1])["share_used"],
        "recovery_s": round(sends[-1] - sends[0], 1),
        "recovery_calls": len(sends),
        "calls_in_first_second": seconds[0],
        "calls_in_any_second": max(seconds),
        "synced": _count("synced"),
        "dead_at_the_end": _count("dead"),
    }


def _real(found: Stage, url: str, rows: int, seconds: float) -> int:
    """Calls in the first seconds of an outage in real time, with a worker and beat."""
    from sync import registry, wake
    from sync.models import Operation

    connection_id = registry.connection("crm").pk
    _leave(url, "503")
    _fill(rows)
    worker = found.worker("real", "--pool=prefork", "--concurrency=2")
    beat = found.beat()
    try:
        wake.heard(connection_id)
        wake.ring([connection_id])
        wait_until(Operation.objects.exists, 60)
        time.sleep(seconds)
        return Operation.objects.count()
    finally:
        beat.stop()
        worker.stop()
        _clear()


def _count(state: str) -> int:
    from sync.models import Binding

    return Binding.objects.filter(state=state).count()


def _attempts() -> int:
    from django.db.models import Max

    from sync.models import Binding

    return int(Binding.objects.aggregate(most=Max("attempts"))["most"])


def _clear() -> None:
    from benchmarks.crm.models import Contact

    clear(Contact)


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--real-s", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.rows, arguments.minutes, arguments.limit, arguments.real_s)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
