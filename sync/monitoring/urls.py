"""Addresses for machines: ``path("", include("sync.monitoring.urls"))`` in the host's own."""

from __future__ import annotations

from django.urls import path

from sync.monitoring import views

app_name = "crudsync_monitoring"

urlpatterns = [
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
    path("health", views.health, name="health"),
    path("crudsync/metrics", views.metrics, name="metrics"),
]
