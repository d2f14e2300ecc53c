"""The inbox, as it is now: nearly empty where workers run."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema_view

from sync.api.base import ReadOnlyViewSet
from sync.api.describing import described
from sync.api.filters import RowFilter
from sync.api.rows import Payload, RowSerializer, RowUrl
from sync.models import Change, Kind

VIEW = "crudsync.view_change"


class ChangeFilter(RowFilter):
    """What changes may be listed by. The inbox has no index by object."""

    model = django_filters.CharFilter(max_length=200, help_text="`app.model` in lower case.")
    object_id = django_filters.CharFilter(max_length=200, help_text="The local primary key.")
    kind = django_filters.ChoiceFilter(choices=Kind.choices, help_text="What happened to the object.")
    actor = django_filters.CharFilter(max_length=150, help_text="Who changed it.")

    walked = frozenset(("model", "object_id", "kind", "actor"))


class ChangeSerializer(RowSerializer):
    """One object changed, and no worker has taken that yet."""

    url = RowUrl("crudsync-api:change-list")
    snapshot = Payload(help_text="What a deleted object held. Single rows alone, with `reveal_binding`.")

    class Meta:
        model = Change
        fields = ("id", "url", "model", "object_id", "kind", "actor", "reason", "created_at", "snapshot")
        read_only_fields = fields


@extend_schema_view(
    list=described(summary="List changes", tags=["changes"]),
    retrieve=described(summary="One change", tags=["changes"]),
)
class ChangeViewSet(ReadOnlyViewSet):
    """Changes that no worker has taken yet."""

    queryset = Change.objects.order_by()
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilter
    heavy = ("snapshot",)
    needs = {"list": (VIEW,), "retrieve": (VIEW,)}
