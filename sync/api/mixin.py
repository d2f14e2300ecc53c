"""What the user's own ViewSet gains: ask for an object again, see where it stands, read its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import NoReverseMatch
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response
from rest_framework.status import HTTP_422_UNPROCESSABLE_ENTITY

from sync.api.asked import Asked, ModeBody
from sync.api.audit import note
from sync.api.bindings import address_of, operations_of
from sync.api.describing import described
from sync.api.filters import refuse_unknown
from sync.api.history import AttemptSerializer, History
from sync.api.paging import KeysetPagination
from sync.api.refusals import Missing, TypedError
from sync.exceptions import CrudSyncError
from sync.models import Binding
from sync.monitoring.permissions import RESYNC
from sync.resync.handle import UNKNOWN, URGENCY, of
from sync.types import Wanted

if TYPE_CHECKING:
    from rest_framework.viewsets import GenericViewSet

    _Base = GenericViewSet[Any]
    _Serializer = serializers.Serializer[Any]
else:
    _Base = object
    _Serializer = serializers.Serializer

STATES = [*(state.value for state in URGENCY), UNKNOWN]
PAGING = ("cursor", "page_size", "ordering")


class ObjectBinding(_Serializer):
    """Where an object stands under one connection."""

    account = serializers.CharField(help_text="`integrator/account`.")
    object_type = serializers.CharField()
    remote_id = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    code = serializers.CharField(help_text="The stable word of its reason.")
    detail = serializers.CharField(help_text="Its reason.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    unsent_since = serializers.DateTimeField(allow_null=True)
    synced_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField(allow_null=True, help_text="Its binding; null where that API is not installed.")
    operations_url = serializers.CharField(allow_null=True, help_text="Its attempts; the same.")


class ObjectStatus(_Serializer):
    """Where an object stands."""

    status = serializers.ChoiceField([(word, word) for word in STATES], help_text="`unknown`: never asked for.")
    remote_id = serializers.CharField(allow_null=True)
    error = serializers.CharField(help_text="Why it is not synced; empty where there is nothing to say.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    synced_at = serializers.DateTimeField(allow_null=True)
    bindings = ObjectBinding(many=True)


class ObjectAsked(Asked):
    """What was asked for of one object."""

    status_url = serializers.CharField(help_text="Where the object stands.")
    bindings = ObjectBinding(many=True)


class SyncViewSetMixin(_Base):
    """Put it before your ViewSet: ``class ProductViewSet(SyncViewSetMixin, ModelViewSet)``.

    Adds to each object ``POST sync/``, ``GET sync-status/`` and ``GET sync-history/``. Your own permissions and filter
    backends hold for all three, and somebody must be signed in; ``sync`` needs ``crudsync.resync_binding`` beside them.
    """

    more_errors: ClassVar[Mapping[str, tuple[int, ...]]] = dict.fromkeys(
        ("sync", "sync_status", "sync_history"), (HTTP_422_UNPROCESSABLE_ENTITY,)
    )
    """For the document: a model that is not registered."""

    @described(summary="Sync the object again", request=ModeBody, responses={202: ObjectAsked})
    @action(methods=["post"], detail=True, pagination_class=None)
    def sync(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Have it sent again, or compared with the remote first. A worker does it; `Location` shows how it goes."""
        _check_signed_in(request)
        if not request.user.has_perm(RESYNC):
            raise Missing(RESYNC)
        obj = self.get_object()
        handle = of(obj)
        body = ModeBody(data=request.data)
        body.is_valid(raise_exception=True)
        ask, word = (handle.pull, "compare") if body.wanted is Wanted.VERIFY else (handle.push, "resync")
        asked = ask(actor=request.user.get_username(), reason=word)
        note(request, [obj], word)
        status_url = request.build_absolute_uri(_beside(request.path, "sync-status"))
        rows = [_told(row, request) for row in handle.bindings]
        only = rows[0]["url"] if len(rows) == 1 and request.user.has_perm("crudsync.view_binding") else None
        where = only or status_url
        data = ObjectAsked({"asked": asked, "location": where, "status_url": status_url, "bindings": rows}).data
        return Response(data, status=202, headers={"Location": where})

    @described(summary="Where the object stands", responses={200: ObjectStatus})
    @action(
        methods=["get"],
        detail=True,
        url_path="sync-status",
        url_name="sync-status",
        pagination_class=None,
    )
    def sync_status(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Tell the object's state, per connection."""
        _check_signed_in(request)
        handle = of(self.get_object())
        body = {
            "status": handle.status,
            "remote_id": handle.remote_id,
            "error": handle.error,
            "next_attempt_at": handle.next_attempt_at,
            "synced_at": handle.synced_at,
            "bindings": [_told(row, request) for row in handle.bindings],
        }
        return Response(ObjectStatus(body).data)

    @described(summary="The object's attempts", responses={200: AttemptSerializer(many=True)}, filters=False)
    @action(
        methods=["get"],
        detail=True,
        url_path="sync-history",
        url_name="sync-history",
        pagination_class=KeysetPagination,
    )
    def sync_history(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Tell every attempt, newest first; requests and answers to those alone who have `reveal_binding`."""
        _check_signed_in(request)
        refuse_unknown(request, list(PAGING))
        return History(of(self.get_object()), request).response()

    def handle_exception(self, exc: Exception) -> Any:
        """Give errors of ours their status, also where the site handles exceptions in its own way."""
        return super().handle_exception(TypedError(exc) if isinstance(exc, CrudSyncError) else exc)


def _check_signed_in(request: Any) -> None:
    """Refuse strangers, though they may read the objects: what a remote said, and who changed what, is not for them."""
    if not (request.user and request.user.is_authenticated):
        raise NotAuthenticated


def _told(row: Binding, request: Any) -> dict[str, Any]:
    url: str | None
    operations_url: str | None
    try:
        url, operations_url = address_of(row.pk, request), operations_of(row.pk, request)
    except NoReverseMatch:  # the site has mounted its own API alone
        url, operations_url = None, None
    return {
        "account": str(row.connection),
        "object_type": row.object_type,
        "remote_id": row.remote_id,
        "state": row.state,
        "code": row.code,
        "detail": row.detail,
        "next_attempt_at": row.due_at,
        "unsent_since": row.dirty_since,
        "synced_at": row.synced_at,
        "url": url,
        "operations_url": operations_url,
    }


def _beside(path: str, name: str) -> str:
    slash = "/" if path.endswith("/") else ""
    return f"{path.rstrip('/').rpartition('/')[0]}/{name}{slash}"
