"""The payload of one object: its fields and its parents' remote ids, changed and checked by hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from sync.exceptions import ConstraintViolation, PayloadError
from sync.integrators import declared, parents
from sync.integrators.base import payload_of
from sync.integrators.bound import Bound
from sync.integrators.hooks import called, hook, overridden
from sync.integrators.values import json_object
from sync.models.identity import object_id_of
from sync.types import type_json


class PayloadBuilder(Bound):
    """What is sent for the object."""

    def parent_ids(self) -> dict[str, str | None]:
        """Return the object ids of the row's parents by key of the payload; None where it has none."""
        row = self.instance
        return {} if row is None or not self.spec.parents else self.spec.mapper.parent_ids(row)

    @hook
    def set_data(self, model: Any) -> Any:
        """Return the payload for a model: ``model.dict()`` where it has one and no fields are declared, else these.

        Args:
            model: an instance, or a payload (a dict, or anything with ``dict()``).

        Raises:
            PayloadError: a value has no JSON form.
        """
        if model is None:
            return None
        if not isinstance(model, Model) or (not self.spec.declared and hasattr(model, "dict")):
            return payload_of(model)
        return self.spec.mapper.payload(model, self._parents_of(model))

    def build_payload(self, remote_ids: Mapping[str, Any]) -> dict[str, type_json]:
        """Return what is to be sent for the object: the whole state, checked.

        Args:
            remote_ids: of its parents, by key of the payload; lists of them for many-to-many fields. Those of
                many-to-many fields that are missing are looked up.

        Raises:
            PayloadError: a hook raised, or a value has no JSON form.
            ConstraintViolation: a value is forbidden.
        """
        self._remote_ids = remote_ids
        cls = type(self)
        if overridden(cls, "set_data"):
            data = json_object(called("set_data", self.set_data, self.model), binary=self.spec.encoding == "binary")
        else:
            data = self.set_data(self.model)
        if not isinstance(data, dict):
            raise PayloadError(f"there is no payload for {self.object_type}", hint="set_data() must return a dict")
        if self.spec.external_id and self.instance is not None:
            data.setdefault(self.spec.external_id, object_id_of(self.instance.pk))
        self.data = data
        if overridden(cls, "validate_data"):
            self._validate_with_hook()
        else:
            declared.enforce(declared.constraints(cls, self.object_type), data)
        return data

    @hook
    def validate_data(self) -> bool:
        """Check ``data`` against set_data_constraints(); True where nothing is forbidden.

        Raises:
            ConstraintViolation: a field has a forbidden value.
        """
        declared.enforce(declared.constraints(type(self), self.object_type), self.data)
        return True

    def _parents_of(self, model: Any) -> Mapping[str, Any]:
        known = self._remote_ids
        if known is None and self.spec.parents:
            known = parents.of_row(self.connection, self.spec.parents, self.spec.mapper.parent_ids(model))
        many = [parent for parent in self.spec.many if parent.target not in (known or {})]
        if many:
            ids = self.spec.mapper.many_ids(model)
            return {**(known or {}), **parents.of_many(self.connection, many, ids, strict=self._remote_ids is not None)}
        return known or {}

    def _validate_with_hook(self) -> None:
        # Only False says no: a hook that merely forgets to return what super() returned has not objected.
        if called("validate_data", self.validate_data) is False:
            raise ConstraintViolation(f"validate_data() refuses this {self.object_type}", hint="correct the row")
