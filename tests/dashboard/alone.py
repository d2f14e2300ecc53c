"""A site with the dashboard and without an admin."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("crudsync/", include("sync.dashboard.urls"))]
