"""The dashboard's addresses, to be included by the site: ``path("crudsync/", include("sync.dashboard.urls"))``."""

from __future__ import annotations

from django.urls import path

from sync.dashboard import views

app_name = "crudsync"
urlpatterns = [
    path("", views.page, name="dashboard"),
    path("data/", views.data, name="dashboard-data"),
]
