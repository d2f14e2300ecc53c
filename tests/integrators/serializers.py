"""Serializers as users of Django REST framework write them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from examples.shop.models import Category, Customer, Order, Product


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ["id", "name", "slug"]


class ProductSerializer(serializers.ModelSerializer[Product]):
    category = CategorySerializer(read_only=True)
    category_id = serializers.PrimaryKeyRelatedField(
        source="category", queryset=Category.objects.all(), write_only=True
    )
    shout = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = ["id", "name", "price", "category", "category_id", "shout"]

    def get_shout(self, row: Product) -> str:
        return row.name.upper()


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    password = serializers.CharField(write_only=True, source="name")
    confirm = serializers.CharField(write_only=True)
    display = serializers.CharField(source="name", read_only=True)
    alias = serializers.CharField(source="name", write_only=True)

    class Meta:
        model = Customer
        fields = ["email", "password", "confirm", "display", "alias"]


class LineSerializer(serializers.ModelSerializer[Product]):
    """Nested within a category, with a twin of its own."""

    category = CategorySerializer(read_only=True)
    category_id = serializers.PrimaryKeyRelatedField(
        source="category", queryset=Category.objects.all(), write_only=True
    )

    class Meta:
        model = Product
        fields = ["id", "sku", "category", "category_id"]


class CatalogueSerializer(serializers.ModelSerializer[Category]):
    products = LineSerializer(many=True)
    parent = CategorySerializer()
    parent_id = serializers.PrimaryKeyRelatedField(
        source="parent", queryset=Category.objects.all(), write_only=True, allow_null=True
    )

    class Meta:
        model = Category
        fields = ["slug", "products", "parent", "parent_id"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    class Meta:
        model = Order
        fields = ["number", "customer"]


class BrokenSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ["name"]

    def to_representation(self, instance: Any) -> Any:
        raise KeyError("oops")
