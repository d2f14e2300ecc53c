"""How rows are told: each field with its words, payloads to those alone who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

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


@extend_schema_field(OpenApiTypes.URI)
class RowUrl(serializers.ReadOnlyField):
    """An address made of a row's key. The list's is looked up once an answer, not once a row.

    Args:
        view_name: name of the list's address.
        tail: what follows it, with the key in it.
    """

    def __init__(self, view_name: str, tail: str = "{}/", **options: Any) -> None:
        super().__init__(source="pk", **options)
        self.view_name, self.tail = view_name, tail

    def to_representation(self, value: Any) -> str:
        """Return the address."""
        context: Any = self.context
        known: dict[str, str] = context.setdefault("crudsync_addresses", {})
        if self.view_name not in known:
            known[self.view_name] = reverse(self.view_name, request=self.context.get("request"))
        return known[self.view_name] + self.tail.format(value)


class RowSerializer(_Serializer):
    """A row, read only. Fields of :class:`Payload` are for single rows, and for those who may read them.

    ``whole`` in the context says so where it is not the view that tells.
    """

    def get_fields(self) -> dict[str, Any]:
        """Return the fields that this request may see; the document shows all."""
        fields: dict[str, Any] = super().get_fields()
        view, request = self.context.get("view"), self.context.get("request")
        if request is None or getattr(view, "swagger_fake_view", False):
            return fields
        whole = self.context.get("whole", getattr(view, "detail", False) and reveals(request))
        return {name: field for name, field in fields.items() if whole or not isinstance(field, Payload)}


class RowExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # it has no types
    """Says in the document that payloads may be left out."""

    target_class = RowSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        """Return the schema of a row."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        fields = self.target.fields
        schema["required"] = [name for name in schema["required"] if not isinstance(fields[name], Payload)]
        return schema
