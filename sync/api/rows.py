"""How rows are told: each field with its words, payloads to those alone who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sync.api.permissions import reveals
from sync.api.readable import readable

if TYPE_CHECKING:
    _Serializer = serializers.ModelSerializer[Any]
else:
    _Serializer = serializers.ModelSerializer


@extend_schema_field(OpenApiTypes.ANY)
class Payload(serializers.ReadOnlyField):
    """A payload or an answer: a JSON value, or text where it is none. Left out in lists, and for most people."""

    def to_representation(self, value: Any) -> Any:
        """Return what is shown."""
        return readable(value)


class RowSerializer(_Serializer):
    """A row, read only. Fields of :class:`Payload` are for single rows, and for those who may read them."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields that this request may see; the document shows all."""
        fields: dict[str, Any] = super().get_fields()
        view = self.context.get("view")
        if getattr(view, "swagger_fake_view", False):
            return fields
        whole = getattr(view, "detail", False) and reveals(self.context.get("request"))
        return {name: field for name, field in fields.items() if whole or not isinstance(field, Payload)}
