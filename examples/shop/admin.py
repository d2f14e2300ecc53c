"""The shop in the admin: the status of each row, its history, and *Resync selected* come from the mixin."""

from __future__ import annotations

from django.contrib import admin
from django.db import models

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync.admin import SyncAdminMixin


@admin.register(Category)
class CategoryAdmin(SyncAdminMixin, admin.ModelAdmin):
    """Categories."""

    list_display = ["name", "slug", "parent"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["parent"]


@admin.register(Product)
class ProductAdmin(SyncAdminMixin, admin.ModelAdmin):
    """Products."""

    list_display = ["name", "sku", "category", "price", "stock", "status"]
    list_filter = ["status"]
    list_select_related = ["category"]
    search_fields = ["name", "sku"]
    autocomplete_fields = ["category", "tags"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}  # Django 5.2 warns where it is not said


@admin.register(Customer)
class CustomerAdmin(SyncAdminMixin, admin.ModelAdmin):
    """Customers. The credit is the remote's to decide."""

    list_display = ["name", "email", "country", "is_active", "credit"]
    list_filter = ["is_active", "country"]
    search_fields = ["name", "email"]
    readonly_fields = ["credit"]


@admin.register(Order)
class OrderAdmin(SyncAdminMixin, admin.ModelAdmin):
    """Orders."""

    list_display = ["number", "customer", "total", "status"]
    list_filter = ["status"]
    list_select_related = ["customer"]
    search_fields = ["number", "customer__name"]
    autocomplete_fields = ["customer"]


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """Tags. They are not synced themselves."""

    search_fields = ["name"]
