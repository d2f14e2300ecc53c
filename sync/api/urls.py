"""The addresses: ``path("api/crudsync/v1/", include("sync.api.urls"))``."""

from __future__ import annotations

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from sync.api.bindings import BindingViewSet
from sync.api.changes import ChangeViewSet
from sync.api.connections import ConnectionViewSet
from sync.api.document import DocumentPage, DocumentView
from sync.api.letters import CauseViewSet
from sync.api.operations import OperationViewSet
from sync.api.root import RootViewSet
from sync.api.status import StatusViewSet
from sync.api.unknown import unknown

app_name = "crudsync-api"

router = SimpleRouter()
router.register("connections", ConnectionViewSet, basename="connection")
router.register("bindings", BindingViewSet, basename="binding")
router.register("operations", OperationViewSet, basename="operation")
router.register("dead-letters", CauseViewSet, basename="deadletter")
router.register("changes", ChangeViewSet, basename="change")

urlpatterns = [
    path("", RootViewSet.as_view({"get": "retrieve"}), name="root"),
    path("status/", StatusViewSet.as_view({"get": "retrieve"}), name="status"),
    path("schema/", DocumentView.as_view(), name="schema"),
    path("docs/", DocumentPage.as_view(), name="docs"),
    *router.urls,
    re_path("", unknown),
]
