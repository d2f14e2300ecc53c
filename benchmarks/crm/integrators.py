"""The remote of the benchmarks: default hooks, a limit that it never reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from benchmarks.crm.models import Contact, Triggered
from sync import CrudIntegrator, ObjectType, RateLimit, register


@register
class CrmIntegrator(CrudIntegrator):
    """Contacts, keyed, with the default payload."""

    name = "crm"
    base_url = settings.REMOTE_URL
    rate_limit = RateLimit(6_000_000, per=60, burst=50_000)

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """One type, captured in either way."""
        keyed: Mapping[str, Any] = {"endpoint": "contacts", "idempotency": "Idempotency-Key", "rest_s": 0.001}
        return {
            "contact": ObjectType(model=Contact, **keyed),
            "triggered": ObjectType(model=Triggered, capture="trigger", **keyed),
        }
