"""The remote of the benchmarks: default hooks, a limit that it never reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from benchmarks.crm.models import Contact
from sync import CrudIntegrator, ObjectType, RateLimit, register


@register
class CrmIntegrator(CrudIntegrator):
    """Contacts, keyed, with the default payload."""

    name = "crm"
    base_url = settings.REMOTE_URL
    rate_limit = RateLimit(6_000_000, per=60, burst=50_000)

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """One type."""
        return {"contact": ObjectType(model=Contact, endpoint="contacts", idempotency="Idempotency-Key", rest_s=0.001)}
