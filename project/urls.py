"""The site's addresses: the admin is its front page."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = "Example shop"
admin.site.index_title = "What is sold, and how it is synced"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("sync.monitoring.urls")),
    path("crudsync/", include("sync.dashboard.urls")),
]
