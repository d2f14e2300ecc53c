"""The shop's ViewSets. ``SyncViewSetMixin`` adds ``sync``, ``sync-status`` and ``sync-history`` to each object."""

from __future__ import annotations

from rest_framework.viewsets import ModelViewSet

from examples.shop.api.serializers import CategorySerializer, CustomerSerializer, OrderSerializer, ProductSerializer
from examples.shop.models import Category, Customer, Order, Product
from sync.api import SyncViewSetMixin
from sync.api.paging import KeysetPagination


class ShopViewSet(SyncViewSetMixin, ModelViewSet):
    """What all of them share: pages by keyset, in the order of ids."""

    pagination_class = KeysetPagination
    orderings = ("-id", "id")
    lookup_value_regex = "[0-9]{1,18}"


class CategoryViewSet(ShopViewSet):
    """Categories, under one another."""

    queryset = Category.objects.select_related("parent").order_by()
    serializer_class = CategorySerializer


class ProductViewSet(ShopViewSet):
    """Products, each in a category."""

    queryset = Product.objects.select_related("category").prefetch_related("tags").order_by()
    serializer_class = ProductSerializer


class CustomerViewSet(ShopViewSet):
    """Customers."""

    queryset = Customer.objects.order_by()
    serializer_class = CustomerSerializer


class OrderViewSet(ShopViewSet):
    """Orders, each of a customer."""

    queryset = Order.objects.select_related("customer").order_by()
    serializer_class = OrderSerializer
