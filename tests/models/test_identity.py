from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import models

from sync.models.identity import object_id_of, pk_of
from tests.zoo.models import Animal, Feeding, Note, Penguin, Pet, Ticket


class Numbered(models.Model):  # noqa: DJ008 - nobody reads it
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        app_label = "zoo"
        managed = False


@pytest.mark.parametrize(
    ("model", "pk", "text"),
    [
        (Note, 7, "7"),
        (Note, -7, "-7"),
        (Ticket, "a/b ü", "a/b ü"),
        (Penguin, 7, "7"),
        (Pet, 7, "7"),
        (Numbered, uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Feeding, (3, dt.date(2026, 1, 2)), '["3","2026-01-02"]'),
    ],
)
def test_a_key_becomes_a_text_and_comes_back(model: type[models.Model], pk: Any, text: str) -> None:
    assert object_id_of(pk) == text
    assert pk_of(model, text) == pk


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Note, ""),
        (Note, "abc"),
        (Note, "1.5"),
        (Note, "9" * 30),
        (Note, "-" + "9" * 30),
        (Note, "9" * 5000),
        (Animal, "new:key"),
        (Ticket, "a\x00b"),
        (Numbered, "7"),
        (Feeding, "3"),
        (Feeding, "no json"),
        (Feeding, "null"),
        (Feeding, '["3"]'),
        (Feeding, '["3","2026-13-01"]'),
        (Feeding, '["3","2026-01-02","more"]'),
    ],
)
def test_a_text_that_cannot_be_a_key_is_none(model: type[models.Model], text: str) -> None:
    assert pk_of(model, text) is None
