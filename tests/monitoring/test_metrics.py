from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from sync.models import (
    Binding,
    Change,
    Connection,
    Gate,
    Incident,
    IncidentState,
    Minute,
    Operation,
    Slot,
    State,
    Sweep,
)
from sync.models.clock import now
from sync.monitoring import rollup
from sync.monitoring.metrics import text
from sync.monitoring.totals import settle
from sync.resync.pausing import pause

pytestmark = pytest.mark.django_db

UNITS = ("seconds", "objects", "changes", "total", "open", "paused", "shut", "slots", "in_use", "info")
LABELS = {"connection", "state", "outcome", "work", "le"}


@pytest.fixture
def busy(account: Connection) -> Connection:
    """The shop's account with something of everything."""
    at = now()
    for number, (state, due) in enumerate(
        [(State.PENDING, True), (State.RETRYING, True), (State.DEAD, False), (State.HELD, False), (State.SYNCED, False)]
    ):
        Binding.objects.create(
            connection=account,
            object_type="product",
            object_id=str(number),
            state=state,
            due_at=at if due else None,
            dirty_since=at - dt.timedelta(seconds=60 * (number + 1)) if due else None,
        )
    Gate.objects.update_or_create(connection=account, defaults={"blocked_until": at + dt.timedelta(minutes=1)})
    Slot.objects.create(connection=account, number=0, holder="x", expires_at=at + dt.timedelta(minutes=1))
    Slot.objects.create(connection=account, number=1, holder="y", expires_at=at - dt.timedelta(minutes=1))
    Change.objects.create(model="shop.product", object_id="1", created_at=at)
    Sweep.objects.create(name="sweep", at=at - dt.timedelta(seconds=7))
    Incident.objects.create(key="a", live="a", theme="outage", state=IncidentState.OPEN, title="x", began_at=at)
    Minute.objects.create(
        connection=account, at=rollup.floor(at) - dt.timedelta(hours=1), calls=10, succeeded=7, failed=2, unknown=1,
        throttled=1, retries=3, dead=2, tokens=10, waited_ms=1500.0, call_ms=900.0, call_04=6, call_12=4, applied=5,
        applied_ms=2500.0, applied_10=5,
    )  # fmt: skip
    return account


def samples(name: str) -> dict[tuple[tuple[str, str], ...], float]:
    found = {}
    for family in text_string_to_metric_families(text().decode()):
        for sample in family.samples:
            if sample.name == name:
                found[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of(name: str, **labels: str) -> float:
    return samples(name)[tuple(sorted({"connection": "shop/default", **labels}.items()))]


def test_counters_are_what_the_minutes_say(busy: Connection) -> None:
    assert of("crudsync_calls_total", outcome="succeeded") == 7
    assert of("crudsync_calls_total", outcome="failed") == 2
    assert of("crudsync_calls_total", outcome="unknown") == 1
    assert of("crudsync_throttled_total") == 1
    assert of("crudsync_retries_total") == 3
    assert of("crudsync_dead_letters_total") == 2
    assert of("crudsync_tokens_total") == 10
    assert of("crudsync_token_wait_seconds_total") == 1.5


def test_durations_are_histograms_in_seconds(busy: Connection) -> None:
    assert of("crudsync_call_duration_seconds_count") == 10
    assert of("crudsync_call_duration_seconds_sum") == pytest.approx(0.9)
    assert of("crudsync_call_duration_seconds_bucket", le="0.01") == 6  # the fifth bound, 10 ms
    assert of("crudsync_call_duration_seconds_bucket", le="1.0") == 10
    assert of("crudsync_call_duration_seconds_bucket", le="+Inf") == 10
    assert of("crudsync_applied_delay_seconds_count") == 5
    assert of("crudsync_applied_delay_seconds_sum") == pytest.approx(2.5)


def test_gauges_are_how_it_stands(busy: Connection) -> None:
    assert of("crudsync_backlog_objects", state="pending") == 1
    assert of("crudsync_backlog_objects", state="retrying") == 1
    assert of("crudsync_dead_letters_open", state="dead") == 1
    assert of("crudsync_dead_letters_open", state="held") == 1
    assert 119 < of("crudsync_oldest_unsent_seconds") < 600
    assert of("crudsync_gate_shut") == 1
    assert of("crudsync_slots_in_use") == 1
    assert of("crudsync_connection_paused") == 0
    pause(busy)
    assert of("crudsync_connection_paused") == 1
    assert samples("crudsync_inbox_changes") == {(): 1}
    assert samples("crudsync_incidents_open") == {(): 1}
    assert 6 < samples("crudsync_last_run_age_seconds")[(("work", "sweep"),)] < 600


def test_a_connection_at_rest_has_every_series(account: Connection) -> None:
    assert of("crudsync_calls_total", outcome="failed") == 0
    assert of("crudsync_backlog_objects", state="waiting") == 0
    assert of("crudsync_oldest_unsent_seconds") == 0
    assert of("crudsync_call_duration_seconds_count") == 0


def test_counters_never_fall_when_minutes_are_settled_and_removed(busy: Connection) -> None:
    Sweep.objects.create(name=rollup.NAME, at=now())
    before = {name: of(name) for name in ("crudsync_retries_total", "crudsync_call_duration_seconds_count")}
    settle()
    rollup.prune(60.0)
    assert not Minute.objects.exists()
    assert {name: of(name) for name in before} == before


def test_the_text_keeps_the_rules_of_promtool(busy: Connection) -> None:
    """HELP and TYPE for each family, once, before its samples; counters end in _total; no series twice."""
    lines = text().decode().splitlines()
    told = [line.split()[2] for line in lines if line.startswith("# HELP")]
    typed = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}
    assert Counter(told).most_common(1)[0][1] == 1
    assert set(told) == set(typed)
    series = [line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")]
    assert Counter(series).most_common(1)[0][1] == 1
    for name, kind in typed.items():
        assert re.fullmatch(r"crudsync_[a-z_]+", name)
        assert name.endswith(UNITS), name
        assert (kind == "counter") == name.endswith("_total")
    for line in lines:
        if line.startswith("# HELP"):
            assert len(line.split(maxsplit=3)[3]) > 5
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        assert family.samples, family.name
        for sample in family.samples:
            assert set(sample.labels) <= LABELS


def test_buckets_grow_and_end_with_the_count(busy: Connection) -> None:
    for name in ("crudsync_call_duration_seconds", "crudsync_applied_delay_seconds"):
        counts = list(samples(f"{name}_bucket").values())
        assert counts == sorted(counts)
        assert counts[-1] == of(f"{name}_count")


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(busy: Connection) -> None:
    with CaptureQueriesContext(database) as few:
        text()
    at = now()
    more = [Connection.objects.create(integrator="shop", name=f"account{n}") for n in range(30)]
    for row in more:
        Minute.objects.create(connection=row, at=rollup.floor(at), calls=1)
        Binding.objects.create(connection=row, object_type="product", object_id="1", state=State.DEAD)
        Operation.objects.create(connection=row, verb="create", started_at=at)
    with CaptureQueriesContext(database) as many:
        text()
    assert len(many) == len(few) <= 12


def test_a_connection_of_no_integrator_is_not_told_of(account: Connection, connection: Connection) -> None:
    assert "vault" not in text().decode()


# --- who may read them -----------------------------------------------------------------------------------------------


def test_without_a_token_there_is_nothing_for_strangers(client: Client, account: Connection) -> None:
    assert client.get("/crudsync/metrics").status_code == 404


def test_the_token_opens_them(
    client: Client, account: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPE_TOKEN", "a long token")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "monitor_token": "env:SCRAPE_TOKEN"}
    answer = client.get("/crudsync/metrics", headers={"Authorization": "Bearer a long token"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"crudsync_calls_total" in answer.content
    assert "no-store" in answer["Cache-Control"]
    for given in ("Bearer wrong", "Bearer", "Basic a long token", ""):
        refused = client.get("/crudsync/metrics", headers={"Authorization": given})
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="crudsync"')
    assert client.post("/crudsync/metrics").status_code == 405


def test_a_token_that_names_nothing_lets_nobody_in(client: Client, account: Connection, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "monitor_token": "env:NO_SUCH_VARIABLE"}
    for given in ("", "Bearer ", "Bearer env:NO_SUCH_VARIABLE"):
        assert client.get("/crudsync/metrics", headers={"Authorization": given}).status_code == 404


def test_staff_who_may_look_at_connections_may_read_them(
    client: Client, account: Connection, django_user_model: Any
) -> None:
    user = django_user_model.objects.create_user("grace", is_staff=True)
    client.force_login(user)
    assert client.get("/crudsync/metrics").status_code == 404
    user.user_permissions.add(Permission.objects.get(codename="view_connection", content_type__app_label="crudsync"))
    assert client.get("/crudsync/metrics").status_code == 200
    user.is_staff = False
    user.save()
    assert client.get("/crudsync/metrics").status_code == 404
