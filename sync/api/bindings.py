"""Which local object is which remote object, and where it stands; ask for it again, replay or ignore it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse

from sync import deadletters
from sync.api.asked import Asked, ModeBody, Noted, ReasonBody, Replay, ResyncBody
from sync.api.audit import note
from sync.api.base import ReadOnlyViewSet
from sync.api.describing import described
from sync.api.filters import Moment, RowFilter, WholeNumber, YesNo
from sync.api.rows import Payload, RowSerializer, RowUrl
from sync.models import STUCK, Binding, Connection, State
from sync.monitoring.permissions import IGNORE, REPLAY, RESYNC
from sync.monitoring.search import FOUND, ids_named, object_types
from sync.resync import again
from sync.types import Wanted

VIEW = "crudsync.view_binding"
FEW = 500
"""Stuck objects up to this number are found by their index; more are common enough to be come across."""

HEAVY = ("sent", "seen", "intent", "snapshot")
WANTED = [wanted.name.lower() for wanted in Wanted]

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class BindingFilter(RowFilter):
    """What bindings may be listed by."""

    search = django_filters.CharFilter(
        max_length=200,
        method="by_either_id",
        help_text="The local or the remote id, whole; end it with `*` to find those that begin with it, a thousand at "
        "the most.",
    )
    connection = WholeNumber(field_name="connection_id", help_text="Id of the connection.")
    integrator = django_filters.CharFilter(max_length=100, method="by_integrator", help_text="Name of the integrator.")
    model = django_filters.CharFilter(max_length=200, method="by_model", help_text="`app.model`.")
    object_type = django_filters.CharFilter(max_length=100, help_text="Name of the object type.")
    object_id = django_filters.CharFilter(max_length=200, method="by_object_id", help_text="The local primary key.")
    remote_id = django_filters.CharFilter(max_length=500, method="by_remote_id", help_text="The id at the remote.")
    cause = WholeNumber(field_name="cause_id", help_text="Id of the dead letter's cause.")
    state = django_filters.ChoiceFilter(choices=State.choices, method="by_state", help_text="Where it stands.")
    code = django_filters.CharFilter(max_length=50, help_text="The stable word of its reason.")
    dead = YesNo(method="by_letter", help_text="Only dead letters, or only the others.")
    ignored = YesNo(method="by_ignored", help_text="Only ignored ones, or only the others.")
    due = YesNo(method="by_due", help_text="Only what is to be sent, or only the others.")
    actor = django_filters.CharFilter(max_length=150, help_text="Who changed it last, with the reason, as shown.")
    unsent_before = Moment(
        field_name="dirty_since", lookup_expr="lt", help_text="Only what has been unsent since before then."
    )
    synced_after = Moment(
        field_name="synced_at", lookup_expr="gte", help_text="Only what was last synced then or later."
    )

    walked = frozenset(
        ("model", "object_type", "state", "code", "dead", "ignored", "due", "actor", "unsent_before", "synced_after")
    )

    def by_either_id(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those with that id on either side."""
        return rows.filter(pk__in=ids_named(value))

    def by_integrator(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those under any account of an integrator."""
        found = Connection.objects.filter(integrator=value).order_by()
        return rows.filter(connection__in=list(found.values_list("pk", flat=True)))

    def by_model(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those of a model."""
        return rows.filter(model=value.lower())

    def by_object_id(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those of a local key."""
        return rows.filter(pk__in=_keyed(object_id=value))

    def by_remote_id(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those of a remote id."""
        return rows.filter(pk__in=_keyed(remote_id=value))

    def by_state(self, rows: QuerySet[Binding], name: str, value: str) -> QuerySet[Binding]:  # noqa: ARG002
        """Return those in a state."""
        return rows.filter(state=value) if self.few is None else rows.filter(state=value, pk__in=self.few)

    def by_letter(self, rows: QuerySet[Binding], name: str, value: bool) -> QuerySet[Binding]:  # noqa: ARG002
        """Return dead letters, or the others."""
        return rows.filter(cause__isnull=not value)

    def by_ignored(self, rows: QuerySet[Binding], name: str, value: bool) -> QuerySet[Binding]:  # noqa: ARG002
        """Return ignored ones, or the others."""
        return rows.exclude(ignored="") if value else rows.filter(ignored="")

    def by_due(self, rows: QuerySet[Binding], name: str, value: bool) -> QuerySet[Binding]:  # noqa: ARG002
        """Return what is to be sent, or the others."""
        return rows.filter(due_at__isnull=not value)

    def narrowed(self) -> tuple[QuerySet[Any], QuerySet[Any] | None]:
        """Find the stuck by their index where they are few: among a million they would be come across too rarely."""
        self.few = self._few()
        rows, base = super().narrowed()
        return rows, base if base is None or self.few is None else base.filter(pk__in=self.few)

    def _few(self) -> list[int] | None:
        state, connection = (self.form.cleaned_data.get(name) for name in ("state", "connection"))
        if state not in STUCK:
            return None
        stuck = Binding.objects.filter(state=state, **({"connection": connection} if connection else {})).order_by()
        found = list(stuck.values_list("pk", flat=True)[: FEW + 1])
        return found if len(found) <= FEW else None


class BindingSerializer(RowSerializer):
    """One local object under one connection."""

    url = RowUrl("crudsync-api:binding-list")
    account = serializers.CharField(source="connection", read_only=True, help_text="`integrator/account`.")
    wanted = serializers.SerializerMethodField(help_text="What is asked for it.")
    uncertain = serializers.CharField(read_only=True, help_text="The verb that may have been applied; empty: none.")
    operations_url = RowUrl("crudsync-api:operation-list", "?binding={}", help_text="Its attempts, newest first.")
    sent = Payload(help_text="Our payload as last agreed. Single rows alone, with `reveal_binding`.")
    seen = Payload(help_text="The remote's answer to it. The same.")
    intent = Payload(help_text="An attempted create: key, body, time. The same.")
    snapshot = Payload(help_text="What a deleted object held. The same.")

    class Meta:
        model = Binding
        fields = (
            "id",
            "url",
            "connection",
            "account",
            "model",
            "object_type",
            "object_id",
            "remote_id",
            "remote_version",
            "state",
            "code",
            "detail",
            "wanted",
            "due_at",
            "leased",
            "attempts",
            "uncertain",
            "waits_for",
            "rests_until",
            "dirty_since",
            "synced_at",
            "actor",
            "cause",
            "ignored",
            "operations_url",
            *HEAVY,
        )
        read_only_fields = fields

    @extend_schema_field({"type": "string", "enum": WANTED})
    def get_wanted(self, row: Binding) -> str:
        """Return it as a word."""
        return Wanted(row.wanted).name.lower()


@extend_schema_view(
    list=described(summary="List objects", tags=["bindings"]),
    retrieve=described(summary="One object under one connection", tags=["bindings"]),
)
class BindingViewSet(ReadOnlyViewSet):
    """Every object that was ever asked for."""

    queryset = Binding.objects.select_related("connection").defer("connection__credentials").order_by()
    serializer_class = BindingSerializer
    filterset_class = BindingFilter
    heavy = HEAVY
    needs = {
        "list": (VIEW,),
        "retrieve": (VIEW,),
        "resync": (VIEW, RESYNC),
        "resync_many": (VIEW, RESYNC),
        "replay": (VIEW, REPLAY),
        "ignore": (VIEW, IGNORE),
        "unignore": (VIEW, IGNORE),
    }

    @described(summary="Ask for an object again", tags=["bindings"], request=ModeBody, responses={202: Asked})
    @action(methods=["post"], detail=True)
    def resync(self, request: Any, pk: str) -> Response:  # noqa: ARG002 - found by get_object
        """Have the whole state sent again, or compared with the remote first. A worker does it."""
        row = self.get_object()
        body = ModeBody(data=request.data)
        body.is_valid(raise_exception=True)
        return self._again([row], body.wanted, where=address_of(row.pk, request))

    @described(
        summary="Ask for objects again",
        tags=["bindings"],
        request=ResyncBody,
        responses={202: Asked},
        operation_id="crudsync_v1_bindings_resync_many",
    )
    @action(methods=["post"], detail=False, url_path="resync")
    def resync_many(self, request: Any) -> Response:
        """Have up to a thousand objects sent again, or compared. Ids that there are not are left out of `asked`."""
        body = ResyncBody(data=request.data)
        body.is_valid(raise_exception=True)
        rows = list(Binding.objects.filter(pk__in=body.validated_data["ids"]).only("pk", "object_type", "object_id"))
        return self._again(rows, body.wanted, where=reverse("crudsync-api:binding-list", request=request))

    @described(summary="Replay a dead letter", tags=["bindings"], request=None, responses={202: Replay})
    @action(methods=["post"], detail=True)
    def replay(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Have a dead letter sent as it is today. What is no dead letter is left alone: `asked` is 0."""
        row = self.get_object()
        done = deadletters.replay(row, actor=self.actor)
        if done.asked:
            note(request, [row], "replayed")
        return replayed(done, where=address_of(row.pk, request))

    @described(summary="Ignore a dead letter", tags=["bindings"], request=ReasonBody, responses={200: Noted})
    @action(methods=["post"], detail=True)
    def ignore(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Say why nobody need look at it, until it fails for another cause."""
        row = self.get_object()
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        changed = deadletters.ignore(row, reason=reason, actor=self.actor)
        if changed:
            note(request, [row], f"ignored: {reason}")
        return Response({"changed": changed, "more": False})

    @described(summary="Ignore it no more", tags=["bindings"], request=None, responses={200: Noted})
    @action(methods=["post"], detail=True)
    def unignore(self, request: Any, pk: str) -> Response:  # noqa: ARG002
        """Put it back into the lists."""
        row = self.get_object()
        changed = deadletters.unignore(row)
        if changed:
            note(request, [row], "ignored no more")
        return Response({"changed": changed, "more": False})

    def _again(self, rows: list[Binding], wanted: Wanted, *, where: str) -> Response:
        word = "compare" if wanted is Wanted.VERIFY else "resync"
        chosen = Binding.objects.filter(pk__in=[row.pk for row in rows])
        asked = again(chosen, actor=self.actor, reason=word, wanted=wanted)
        note(self.request, rows, word)
        return Response({"asked": asked, "location": where}, status=202, headers={"Location": where})


def replayed(done: deadletters.Replayed, *, where: str) -> Response:
    """Return the answer to a replay."""
    body = {"asked": done.asked, "in_doubt": done.in_doubt, "under_way": done.under_way, "more": done.more}
    return Response({**body, "location": where}, status=202, headers={"Location": where})


def address_of(binding_id: int, request: Any) -> str:
    """Return the address of a binding."""
    return reverse("crudsync-api:binding-detail", args=(binding_id,), request=request)


def operations_of(binding_id: int, request: Any) -> str:
    """Return the address of a binding's attempts."""
    return f"{reverse('crudsync-api:operation-list', request=request)}?binding={binding_id}"


def _keyed(**key: str) -> list[int]:
    """Return the bindings of a local or a remote id, by the unique indexes, which begin with connection and type."""
    condition = Q(**key)
    if types := object_types():
        condition &= Q(connection__in=list(Connection.objects.values_list("pk", flat=True)), object_type__in=types)
    return list(Binding.objects.filter(condition).order_by().values_list("pk", flat=True)[:FOUND])
