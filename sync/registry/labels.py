"""How a model is named in rows: by its concrete model, in lower case."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.models import Model


@functools.cache
def model_label(model: type[Model]) -> str:
    """Return ``app.model`` of the table a model lives in; a proxy has the label of the model it stands for."""
    concrete = model._meta.concrete_model or model
    return concrete._meta.label_lower
