"""An admin site of the tests' own: the shop's models with ``SyncAdminMixin``, and our rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.urls import path

from examples.shop.models import Category, Product
from sync.admin import BindingAdmin, CauseAdmin, ChangeAdmin, ConnectionAdmin, OperationAdmin, SyncAdminMixin
from sync.models import Binding, Cause, Change, Connection, Operation

site = admin.AdminSite(name="admin")


class ProductAdmin(SyncAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "sku")
    list_editable = ("sku",)
    search_fields = ("name",)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}  # Django 5.2 warns where it is not said


class CategoryAdmin(SyncAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("crudsync_status", "name")
    list_display_links = ("name",)

    class Media:
        css: dict[str, Any] = {"all": ["shop/own.css"]}


class SyncedGroupAdmin(SyncAdminMixin, GroupAdmin):
    """Of a model that is not registered."""


site.register(Product, ProductAdmin)
site.register(Category, CategoryAdmin)
site.register(Group, SyncedGroupAdmin)
site.register(Binding, BindingAdmin)
site.register(Cause, CauseAdmin)
site.register(Change, ChangeAdmin)
site.register(Connection, ConnectionAdmin)
site.register(Operation, OperationAdmin)

urlpatterns = [path("admin/", site.urls)]
