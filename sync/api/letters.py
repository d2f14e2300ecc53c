"""Dead letters by cause: what went wrong, how often, which objects it holds up; replay them, or ignore them."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from sync import deadletters
from sync.api.asked import Noted, ReasonBody, Replay
from sync.api.audit import note
from sync.api.base import ReadOnlyViewSet
from sync.api.bindings import VIEW as VIEW_BINDING
from sync.api.bindings import replayed
from sync.api.describing import described
from sync.api.filters import RowFilter, WholeNumber
from sync.api.rows import Payload, RowSerializer, RowUrl
from sync.deadletters.groups import COUNTED, holding
from sync.models import Cause
from sync.monitoring.permissions import IGNORE, REPLAY

VIEW = "crudsync.view_cause"
AT_ONCE = 10_000
"""Objects that one request replays or ignores at the most, to the next thousand."""


class CauseFilter(RowFilter):
    """What causes may be listed by; those that hold up objects now, unless something else is asked for."""

    search = django_filters.CharFilter(max_length=200, method="by_words", help_text="Part of code, field or message.")
    letters = django_filters.ChoiceFilter(
        choices=[("open", "hold up objects"), ("ignored", "with ignored objects"), ("all", "all, also closed")],
        method="by_letters",
        help_text="Which; `open` where nothing is said.",
    )
    integrator = django_filters.CharFilter(max_length=100, help_text="Name of the integrator.")
    code = django_filters.CharFilter(max_length=50, help_text="The stable word.")
    status_code = WholeNumber(max_value=999, help_text="HTTP status; 0: no answer.")
    field = django_filters.CharFilter(max_length=100, help_text="The field that the remote names.")

    walked = frozenset(("search", "letters", "integrator", "code", "status_code", "field"))

    def by_words(self, rows: QuerySet[Cause], name: str, value: str) -> QuerySet[Cause]:  # noqa: ARG002
        """Return those that say so."""
        said = Q(code__icontains=value) | Q(field__icontains=value) | Q(message__icontains=value)
        return rows.filter(said)

    def by_letters(self, rows: QuerySet[Cause], name: str, value: str) -> QuerySet[Cause]:  # noqa: ARG002
        """Return those with such letters."""
        return rows if value == "all" else holding(rows, ignored=value == "ignored")

    def narrowed(self) -> tuple[QuerySet[Any], QuerySet[Any] | None]:
        """Show open ones where nothing else is asked for."""
        if not self.form.cleaned_data.get("letters"):
            self.form.cleaned_data["letters"] = "open"
        return super().narrowed()


class CauseSerializer(RowSerializer):
    """What a group of dead letters has in common."""

    url = RowUrl("crudsync-api:deadletter-list")
    letters_url = RowUrl("crudsync-api:binding-list", "?cause={}", help_text="The objects that it holds up.")
    open = serializers.IntegerField(
        source="open_now", read_only=True, help_text=f"Objects that it holds up now; {COUNTED} stands for more."
    )
    ignored = serializers.IntegerField(source="ignored_now", read_only=True, help_text="The same, ignored ones.")
    count = serializers.IntegerField(read_only=True, help_text="How often it came up.")
    example = Payload(help_text="The last answer as it was. Single rows alone, with `reveal_binding`.")

    class Meta:
        model = Cause
        fields = (
            "id",
            "url",
            "integrator",
            "code",
            "status_code",
            "field",
            "message",
            "open",
            "ignored",
            "count",
            "first_seen",
            "last_seen",
            "letters_url",
            "example",
        )
        read_only_fields = fields


@extend_schema_view(
    list=described(summary="List causes", tags=["dead letters"]),
    retrieve=described(summary="One cause", tags=["dead letters"]),
)
class CauseViewSet(ReadOnlyViewSet):
    """One row a cause, those that came up last first."""

    queryset = Cause.objects.order_by()
    serializer_class = CauseSerializer
    filterset_class = CauseFilter
    orderings = ("-last_seen", "last_seen", "-id", "id")
    needs = {
        "list": (VIEW,),
        "retrieve": (VIEW,),
        "replay": (VIEW, VIEW_BINDING, REPLAY),
        "ignore": (VIEW, VIEW_BINDING, IGNORE),
        "unignore": (VIEW, VIEW_BINDING, IGNORE),
    }

    def get_queryset(self) -> Any:
        """Return causes with their objects counted, each up to a bound."""
        return deadletters.counted(super().get_queryset())

    @described(summary="Replay a cause's letters", tags=["dead letters"], request=None, responses={202: Replay})
    @action(methods=["post"], detail=True)
    def replay(self, request: Any, pk: str) -> Response:  # noqa: ARG002 - found by get_object
        """Have its objects sent as they are today, about ten thousand a request; ignored ones are left alone.

        `under_way` is always 0 here: what is to be sent already is not counted.
        """
        row = self.get_object()
        done = deadletters.replay(row, actor=self.actor, limit=AT_ONCE)
        note(request, [row], f"replayed, {done.asked} objects")
        return replayed(done, where=letters_of(row, request))

    @described(summary="Ignore a cause's letters", tags=["dead letters"], request=ReasonBody, responses={200: Noted})
    @action(methods=["post"], detail=True)
    def ignore(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Say why nobody need look at them, about ten thousand a request."""
        row = self.get_object()
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        changed = deadletters.ignore(row, reason=reason, actor=self.actor, limit=AT_ONCE)
        note(request, [row], f"ignored: {reason}")
        return Response({"changed": changed, "more": changed >= AT_ONCE})

    @described(summary="Ignore them no more", tags=["dead letters"], request=None, responses={200: Noted})
    @action(methods=["post"], detail=True)
    def unignore(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Put them back into the lists."""
        row = self.get_object()
        changed = deadletters.unignore(row, limit=AT_ONCE)
        note(request, [row], "ignored no more")
        return Response({"changed": changed, "more": changed >= AT_ONCE})


def letters_of(row: Cause, request: Any) -> str:
    """Return the address of a cause's objects."""
    return f"{reverse('crudsync-api:binding-list', request=request)}?cause={row.pk}"
