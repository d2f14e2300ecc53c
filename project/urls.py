"""The site's addresses: the admin is its front page."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = "Example shop"
admin.site.index_title = "What is sold, and how it is synced"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("crudsync/", include("sync.dashboard.urls")),
    path("", include("sync.monitoring.urls")),
]

if settings.API_INSTALLED:
    from sync.api.unknown import unknown

    handler400 = "sync.api.unknown.bad_request"
    handler500 = "sync.api.unknown.server_error"
    urlpatterns += [
        path("api/crudsync/v1/", include("sync.api.urls")),
        *([path("api/shop/", include("examples.shop.api.urls"))] if apps.is_installed("examples.shop") else []),
        re_path("^api/", unknown),
    ]
