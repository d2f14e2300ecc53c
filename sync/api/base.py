"""What all our views share. The site's own REST framework settings decide how people sign in, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from rest_framework import mixins
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, TokenAuthentication
from rest_framework.renderers import JSONRenderer
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from sync.api.caching import finished
from sync.api.correlation import HEADER, correlation_id
from sync.api.errors import exception_handler
from sync.api.filters import Filters
from sync.api.paging import KeysetPagination
from sync.api.parsing import AlwaysJson, JsonBody
from sync.api.permissions import ByAction
from sync.api.schema import Schema
from sync.api.throttling import Throttle

if TYPE_CHECKING:
    _Base = GenericViewSet[Any]
else:
    _Base = object


class Ours(_Base):
    """For every view of ours: JSON in and out, permissions by action, the one error body, throttled.

    ``needs`` names the permissions of each action; ``scopes`` what an action's requests are counted as, where that is
    not reading or writing.
    """

    action: Any = None
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    scopes: ClassVar[Mapping[str, str]] = {}
    parser_classes = (JsonBody,)
    renderer_classes: Any = (JSONRenderer,)
    content_negotiation_class: Any = AlwaysJson
    permission_classes: Any = (ByAction,)
    throttle_classes = (Throttle,)
    metadata_class = None
    http_method_names = ("get", "head", "post")
    versioning_class = None
    schema: Any = Schema()

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return how people sign in: as the site says, else by token (where tokens are installed) and by session."""
        if "DEFAULT_AUTHENTICATION_CLASSES" in getattr(settings, "REST_FRAMEWORK", {}):
            classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
            return [each() for each in classes]
        tokens = [TokenAuthentication()] if apps.is_installed("rest_framework.authtoken") else []
        return [*tokens, SessionAuthentication()]

    def get_exception_handler(self) -> Any:
        """Return our own, whatever the site has."""
        return exception_handler

    @property
    def throttle_scope(self) -> str:
        """What this request is counted as."""
        usual = "crudsync-read" if self.request.method in ("GET", "HEAD", "OPTIONS") else "crudsync-write"
        return self.scopes.get(self.action or "", usual)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Give the answer its correlation id, and finish it once it is rendered."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers[HEADER] = correlation_id(request)
        plain = getattr(request, "_request", request)
        response.add_post_render_callback(lambda rendered: finished(plain, rendered))
        return response

    @property
    def actor(self) -> str:
        """The name of who does it."""
        return str(self.request.user.get_username())


class ReadOnlyViewSet(Ours, mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Any]):
    """Lists and shows rows of a table of any size, with a constant number of queries.

    ``orderings`` are those that an index carries, the default first. ``heavy`` columns are read for a single row alone.
    """

    orderings: ClassVar[Sequence[str]] = ("-id", "id")
    heavy: ClassVar[Sequence[str]] = ()
    lookup_value_regex = "[0-9]{1,18}"  # no key is longer; a longer number is an address that there is not
    lookup_value_converter = None
    filter_backends = (Filters,)
    pagination_class = KeysetPagination

    def get_queryset(self) -> Any:
        """Return the rows; a list is read without its heavy columns."""
        rows = super().get_queryset()
        return rows.defer(*self.heavy) if self.action == "list" and self.heavy else rows

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter lists alone: a single row is found by its key."""
        return super().filter_queryset(queryset) if not self.detail else queryset
