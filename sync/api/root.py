"""The front door: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from sync.api.base import Ours
from sync.api.describing import described

NAMES = {
    "status": "status",
    "connections": "connection-list",
    "bindings": "binding-list",
    "operations": "operation-list",
    "dead_letters": "deadletter-list",
    "changes": "change-list",
    "schema": "schema",
    "docs": "docs",
}

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class Root(_Serializer):
    """Addresses by name."""

    status = serializers.URLField()
    connections = serializers.URLField()
    bindings = serializers.URLField()
    operations = serializers.URLField()
    dead_letters = serializers.URLField()
    changes = serializers.URLField()
    schema = serializers.URLField()
    docs = serializers.URLField()


class RootViewSet(Ours, ViewSet):
    """The root of the API."""

    needs = {"retrieve": ()}

    @described(summary="What there is", tags=["status"], responses={200: Root}, operation_id="crudsync_v1_retrieve")
    def retrieve(self, request: Any) -> Response:
        """Tell the addresses to whoever is signed in."""
        return Response({name: reverse(f"crudsync-api:{view}", request=request) for name, view in NAMES.items()})
