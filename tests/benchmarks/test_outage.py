from __future__ import annotations

import datetime as dt

import pytest

from benchmarks.outage import pass_time
from sync.models import Binding, Connection, Gate
from sync.models.clock import now

pytestmark = pytest.mark.django_db


def test_time_passes_for_every_row_that_has_a_time_and_for_no_other() -> None:
    connection = Connection.objects.create(integrator="away")
    at = now()
    Gate.objects.create(connection=connection, blocked_until=at)
    Binding.objects.create(connection=connection, object_type="a", object_id="1", model="a.b", due_at=at)
    made_at = Connection.objects.get().created_at
    pass_time(90.0)
    binding = Binding.objects.get()
    assert binding.due_at == at - dt.timedelta(seconds=90)
    assert binding.rests_until is None
    assert Gate.objects.get().blocked_until == at - dt.timedelta(seconds=90)
    assert Connection.objects.get().created_at == made_at
