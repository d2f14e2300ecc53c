"""The shop's addresses: ``path("api/shop/", include("examples.shop.api.urls"))``."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from examples.shop.api.views import CategoryViewSet, CustomerViewSet, OrderViewSet, ProductViewSet

router = SimpleRouter()
router.register("categories", CategoryViewSet)
router.register("products", ProductViewSet)
router.register("customers", CustomerViewSet)
router.register("orders", OrderViewSet)

urlpatterns = router.urls
