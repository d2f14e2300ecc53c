"""Rows of the shop as JSON: a parent is shown whole and set by its id."""

from __future__ import annotations

from rest_framework import serializers

from examples.shop.models import Category, Customer, Order, Product, Tag


class CategorySummary(serializers.ModelSerializer):
    """A category as part of something else."""

    class Meta:
        model = Category
        fields = ("id", "name", "slug")
        read_only_fields = fields


class CategorySerializer(serializers.ModelSerializer):
    """A place in the catalogue."""

    parent = CategorySummary(read_only=True, allow_null=True)
    parent_id = serializers.PrimaryKeyRelatedField(
        source="parent", queryset=Category.objects.all(), write_only=True, required=False, allow_null=True
    )

    class Meta:
        model = Category
        fields = ("id", "name", "slug", "parent", "parent_id")

    def validate_parent_id(self, parent: Category | None) -> Category | None:
        """Refuse a place under itself, at any depth."""
        above, steps = parent, 0
        while above is not None and steps < 100:
            if self.instance is not None and above.pk == self.instance.pk:
                raise serializers.ValidationError("A category cannot be below itself.")
            above, steps = above.parent, steps + 1
        return parent


class TagSerializer(serializers.ModelSerializer):
    """A word that products share."""

    class Meta:
        model = Tag
        fields = ("id", "name")
        read_only_fields = fields


class ProductSerializer(serializers.ModelSerializer):
    """One thing for sale."""

    category = CategorySummary(read_only=True)
    category_id = serializers.PrimaryKeyRelatedField(
        source="category", queryset=Category.objects.all(), write_only=True
    )
    tags = TagSerializer(many=True, read_only=True)
    tag_ids = serializers.PrimaryKeyRelatedField(
        source="tags", queryset=Tag.objects.all(), many=True, write_only=True, required=False
    )

    class Meta:
        model = Product
        fields = (
            "id",
            "name",
            "sku",
            "price",
            "stock",
            "status",
            "description",
            "picture_url",
            "category",
            "category_id",
            "tags",
            "tag_ids",
        )


class CustomerSerializer(serializers.ModelSerializer):
    """Somebody who buys; ``credit`` comes from the remote."""

    class Meta:
        model = Customer
        fields = ("id", "email", "name", "country", "is_active", "credit")
        read_only_fields = ("credit",)


class CustomerSummary(serializers.ModelSerializer):
    """A customer as part of an order."""

    class Meta:
        model = Customer
        fields = ("id", "email", "name")
        read_only_fields = fields


class OrderSerializer(serializers.ModelSerializer):
    """What a customer ordered."""

    customer = CustomerSummary(read_only=True)
    customer_id = serializers.PrimaryKeyRelatedField(
        source="customer", queryset=Customer.objects.all(), write_only=True
    )

    class Meta:
        model = Order
        fields = ("id", "number", "total", "status", "customer", "customer_id")
