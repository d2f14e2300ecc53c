"""The opponents, as their users write them: one task per save, a session per process, the result kept; a bare task."""

from __future__ import annotations

import functools
import time
import uuid

import redis
import requests
from celery import shared_task
from django.conf import settings
from django.db.models.signals import post_save

from benchmarks.crm.models import Tasked

session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))


@shared_task(name="crm.push", ignore_result=False)
def push(pk: int) -> str:
    """Send one row, and keep its remote id."""
    row = Tasked.objects.get(pk=pk)
    data = {name: getattr(row, name) for name in ("name", "email", "phone", "company", "city", "score")}
    response = session.post(f"{settings.REMOTE_URL}contacts", json=data, timeout=10)
    response.raise_for_status()
    row.remote_id = response.json()["id"]
    row.save(update_fields=["remote_id"])
    return row.remote_id


def enqueue(instance: Tasked, created: bool, **kwargs: object) -> None:
    """What a post_save receiver usually does."""
    if created:
        push.delay(instance.pk)


def connect() -> None:
    """Switch the opponent on."""
    post_save.connect(enqueue, sender=Tasked, dispatch_uid="crm.push")


@shared_task(name="crm.answer", ignore_result=True)
def answer(key: str) -> None:
    """Answer whoever waits for it, by the shortest way there is."""
    _redis().rpush(key, "1")


def round_trip() -> float:
    """Send a task that does nothing, wait for its answer, and return the seconds."""
    key = f"crm:answer:{uuid.uuid4().hex}"
    began = time.monotonic()
    answer.delay(key)
    if _redis().blpop([key], timeout=10) is None:
        raise RuntimeError("the worker did not answer")
    return time.monotonic() - began


@functools.cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)
