"""Filters of lists: those with an index narrow what a page looks at, the others are looked for row by row.

What is asked for and does not exist is refused: a misspelt filter would show everything.
"""

from __future__ import annotations

import datetime as dt
import difflib
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

from sync.models.identity import LARGEST

PAGING = ("cursor", "page_size", "ordering")
WORDS = {"true": True, "1": True, "false": False, "0": False}


class YesNoField(forms.Field):
    """``true`` or ``false``; anything else is refused, where Django's own field takes it for no answer."""

    def to_python(self, value: Any) -> bool | None:
        """Return what was said, None where nothing was."""
        if value in (None, ""):
            return None
        if value not in WORDS:
            raise forms.ValidationError("Give true or false.", code="invalid")
        return WORDS[value]


class YesNo(django_filters.BooleanFilter):  # type: ignore[misc]  # it ships no types
    """By yes or no."""

    field_class = YesNoField


class MomentField(IsoDateTimeField):  # type: ignore[misc]  # it ships no types
    """A time in ISO 8601, as UTC: databases do not know every offset that can be written."""

    def to_python(self, value: Any) -> dt.datetime | None:
        """Return the time, None where none was given."""
        found: dt.datetime | None = super().to_python(value)
        try:
            return None if found is None else found.astimezone(dt.UTC)
        except OverflowError:
            raise forms.ValidationError("There is no such time.", code="invalid") from None


class Moment(django_filters.IsoDateTimeFilter):  # type: ignore[misc]  # it ships no types
    """By a time."""

    field_class = MomentField


class WholeNumber(django_filters.NumberFilter):  # type: ignore[misc]  # it ships no types
    """By a whole number, as ids and statuses are."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, max_value: int = LARGEST, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=max_value, **kwargs)
        words = kwargs.get("help_text", "")
        extend_schema_field({"type": "integer", "minimum": 0, "maximum": max_value, "description": words})(self)


class RowFilter(django_filters.FilterSet):  # type: ignore[misc]  # it ships no types
    """A set of filters; ``walked`` names those without an index."""

    walked: ClassVar[frozenset[str]] = frozenset()

    def narrowed(self) -> tuple[QuerySet[Any], QuerySet[Any] | None]:
        """Return the rows, and those among which they are looked for one by one; None where indexes find them."""
        given = {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "", [])}
        base = self._applied(self.queryset.all(), {k: v for k, v in given.items() if not self.walks(k, v)})
        rest = {k: v for k, v in given.items() if self.walks(k, v)}
        return (self._applied(base, rest), base) if rest else (base, None)

    def walks(self, name: str, value: Any) -> bool:  # noqa: ARG002 - a filter may have an index for some values alone
        """Return whether this filter has no index."""
        return name in self.walked

    def _applied(self, rows: QuerySet[Any], given: dict[str, Any]) -> QuerySet[Any]:
        for name, value in given.items():
            rows = self.filters[name].filter(rows, value)
        return rows


class Filters(DjangoFilterBackend):  # type: ignore[misc]  # it ships no types
    """Filters a view's list by its ``filterset_class``, and tells the pages what has to be walked."""

    def filter_queryset(self, request: Any, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows that were asked for.

        Raises:
            ValidationError: a parameter does not exist, or has a value that it cannot have.
        """
        filterset = self.get_filterset(request, queryset, view)
        known = [*PAGING, *(filterset.filters if filterset is not None else ())]
        refuse_unknown(request, known)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        rows: QuerySet[Any]
        rows, view.walked = filterset.narrowed()
        return rows


def refuse_unknown(request: Any, known: list[str]) -> None:
    """See that every query parameter exists.

    Raises:
        ValidationError: one does not.
    """
    unknown = [name for name in request.query_params if name not in known]
    if not unknown:
        return
    errors = {}
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        errors[name[:100]] = [
            f"There is no such parameter. Did you mean {near[0]}?" if near else "There is no such parameter."
        ]
    raise ValidationError(errors)
