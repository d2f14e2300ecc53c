"""Object types that ask for triggers, where there are none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from sync import ConfigurationError, ObjectType
from sync.capture import actor, no_sync
from sync.models import Change
from sync.outbox.add import COLUMNS
from tests.capture.conftest import Register
from tests.servers.process import ROOT
from tests.zoo.models import Animal, Enclosure, Note
from tests.zoo.registration import Kind

Changes = Callable[[], list[tuple[str, Any, str]]]

WITHOUT = """
import sys
sys.modules["pgtrigger"] = None      # importing it fails
import django
django.setup()
import sync, sync.admin
from sync.capture.triggers import installation
for name in sync.__all__:
    getattr(sync, name)
print("fine")
"""


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "postgresql", reason="there they can be")
def test_on_another_database_capture_in_python_goes_on(register: Register, changes: Changes) -> None:
    register(Kind("note", Note, capture="trigger"), Kind("animal", Animal, capture="trigger"))
    note = Note.objects.create(text="a")
    Note.objects.update(text="b")
    animal = Animal.objects.create(name="a", enclosure=Enclosure.objects.create(name="e"))
    with no_sync("an import"):
        note.save()
    with actor("ann"):
        animal.enclosure.delete()
    assert Change.objects.order_by("pk").last().actor == "ann"  # type: ignore[union-attr]
    assert changes() == [
        ("note", note.pk, "save"),
        ("note", note.pk, "save"),
        ("animal", animal.pk, "save"),
        ("animal", animal.pk, "save"),
    ]


def test_everything_works_without_pgtrigger() -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "SECRET_KEY": "x", "ENV_FILE": os.devnull}
    env |= {"DATABASE_URL": "sqlite:///:memory:", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_there_is_no_third_way_to_capture() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'trigger'"):
        ObjectType(model=Note, endpoint="notes", capture="triggers")


def test_a_new_column_of_a_change_has_a_default_in_the_database() -> None:
    """Triggers that were installed before it came go on inserting without it, within other people's writes."""
    known = {*COLUMNS.split(", "), "id"}
    new = [field for field in Change._meta.local_concrete_fields if field.column not in known]
    assert [field.column for field in new if not field.null and not field.has_db_default()] == []
