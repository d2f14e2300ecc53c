"""An object's sync state in a template of the user's own: ``{% load crudsync %}``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sync.monitoring.statuses import read_statuses, statuses_of

if TYPE_CHECKING:
    from django.db.models import Model

register = template.Library()


@register.simple_tag
def sync_css() -> SafeString:
    """Return the link to the badges' style, for the head of a page; it follows light and dark."""
    return format_html('<link rel="stylesheet" href="{}">', static("crudsync/badge.css"))


@register.simple_tag
def sync_statuses(objects: Iterable[Any]) -> str:
    """Read the states of all objects of a list at once, in two queries; put it before the loop.

    Args:
        objects: a queryset, a page of a paginator, or a list; a queryset that is looped over is read once by that.
    """
    read_statuses(objects)
    return ""


@register.simple_tag
def sync_status(obj: Model) -> SafeString:
    """Return an object's badge, one per connection where it has several.

    Two queries, unless ``sync_statuses`` has read it before.
    """
    return statuses_of(obj).badges


@register.simple_tag
def sync_sentence(obj: Model) -> str:
    """Return what became of an object, a sentence per connection. For the staff: it may quote what a remote said."""
    return statuses_of(obj).sentence
