"""What happened in one minute under one connection: written by the roll-up; its dead letters as they are counted."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connection import Connection

BOUNDS_MS = tuple(round(10 ** (step / 4), 3) for step in range(29))
"""Upper bounds of the buckets that durations are counted in: four a decade, from 1 ms to 10,000 s. One more is open."""

CALL_BUCKETS = tuple(f"call_{place:02}" for place in range(len(BOUNDS_MS) + 1))
APPLIED_BUCKETS = tuple(f"applied_{place:02}" for place in range(len(BOUNDS_MS) + 1))

COUNTERS = ("calls", "succeeded", "failed", "unknown", "throttled", "retries", "applied", "tokens", "open")
SUMS_MS = ("waited_ms", "call_ms", "applied_ms")
ROLLED = (*COUNTERS, *SUMS_MS, *CALL_BUCKETS, *APPLIED_BUCKETS)
"""All that the roll-up writes. The database adds up minutes, so that a bucket is a column."""


class Minute(models.Model):
    """Counters of the attempts that started in the minute that begins at ``at``.

    ``calls`` are attempts that went out, or were to and found no way: those of them that ``succeeded``, ``failed``,
    ended ``unknown`` (stale ones too), or are ``open`` still. ``throttled`` were answered 429, ``retries`` were no
    first attempts, ``applied`` made their object synced. ``tokens`` were taken from the limiter, and waited for in all
    ``waited_ms``; ``call_ms`` and ``applied_ms`` are sums, ``call_NN`` and ``applied_NN`` counts by duration: below
    ``BOUNDS_MS[NN]``, from the bound before on. ``dead`` counts failures that left an object stuck, by when they were
    recorded.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="minutes", db_index=False)
    at = models.DateTimeField()
    calls = models.IntegerField(default=0, db_default=0)
    succeeded = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    unknown = models.IntegerField(default=0, db_default=0)
    throttled = models.IntegerField(default=0, db_default=0)
    retries = models.IntegerField(default=0, db_default=0)
    applied = models.IntegerField(default=0, db_default=0)
    tokens = models.IntegerField(default=0, db_default=0)
    open = models.IntegerField(default=0, db_default=0)
    waited_ms = models.FloatField(default=0.0, db_default=0.0)
    call_ms = models.FloatField(default=0.0, db_default=0.0)
    applied_ms = models.FloatField(default=0.0, db_default=0.0)
    dead = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["at", "connection"], name="crudsync_minute_unique")]
        verbose_name = _("minute")
        verbose_name_plural = _("minutes")

    def __str__(self) -> str:
        return f"{self.connection_id} at {self.at:%Y-%m-%d %H:%M}"


for _name in (*CALL_BUCKETS, *APPLIED_BUCKETS):
    Minute.add_to_class(_name, models.IntegerField(default=0, db_default=0))
