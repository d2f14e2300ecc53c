"""Every address of ours that answers a GET, found where it is registered, so that a new page cannot be forgotten.

From the admin registry: the lists and pages of our rows, and of the models with ``SyncAdminMixin``, each list with
every choice of each filter, each two of them, and searches. From the URL conf: everything else that ``sync`` or the
shop's own API answers: the dashboard, the API with its filters and orders, what machines ask. And what these link to.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

OURS = ("sync.", "examples.shop.")
NOBODY = "no-such-thing"
DEEP = 3
"""So many links to older rows are followed from a list."""


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and the name under which its times are told: the same whatever the database holds."""

    name: str
    url: str


def pages(user: Any) -> list[Page]:
    """Return every page, the lists of the admin as this user sees them."""
    return [*_admin(user), *_others()]


def linked(page: Page, body: str, seen: set[str]) -> Iterator[Page]:
    """Return the pages that one links to, of a kind that was not seen yet; notes the kinds."""
    from django.urls import Resolver404, resolve

    targets = [html.unescape(found) for found in re.findall(r'href="([^"#]+)"', body)]
    targets += re.findall(r'"(?:next|url|address)": ?"([^"]+)"', body)
    for target in targets:
        parts = urlsplit(urljoin(page.url, target))
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            continue
        try:
            match = resolve(parts.path)
        except Resolver404:
            continue
        kind = f"{match.view_name}?{_keys_of(parts.query)}"
        if kind not in seen and _is_ours(match.func, match.view_name):
            seen.add(kind)
            yield Page(f"{kind} (linked)", parts.path + (f"?{parts.query}" if parts.query else ""))


def kind_of(page: Page) -> str:
    """Return what links to such a page are known by."""
    from django.urls import resolve

    parts = urlsplit(page.url)
    return f"{resolve(parts.path).view_name}?{_keys_of(parts.query)}"


def _keys_of(query: str) -> str:
    """The names that a query gives, without those by which the admin finds its way back."""
    return "&".join(sorted(key for key, _ in parse_qsl(query) if not key.startswith("_")))


def older(body: str, url: str) -> str:
    """Return the address of the next older rows that a list links to, empty at its end."""
    found = re.search(r'<a[^>]*href="([^"]+)"[^>]*rel="next"|<a[^>]*rel="next"[^>]*href="([^"]+)"', body)
    found = found or re.search(r'"next": ?"([^"]+)"()', body)
    if found is None:
        return ""
    parts = urlsplit(urljoin(url, html.unescape(found[1] or found[2])))
    return f"{parts.path}?{parts.query}"


def _is_ours(view: Any, name: str) -> bool:
    app = name.removeprefix("admin:")
    if name.startswith("admin:"):
        return app.startswith("crudsync_") or any(app.startswith(prefix) for prefix in _mixed_in())
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    return str(getattr(cls, "__module__", "")).startswith(OURS)


# --- the admin -------------------------------------------------------------------------------------------------------


def _admin(user: Any) -> Iterator[Page]:
    from django.urls import reverse

    yield Page("admin:index", reverse("admin:index"))
    yield Page("admin:app_list", reverse("admin:app_list", args=("crudsync",)))
    for model_admin in _admins():
        yield from _lists(model_admin, user)
        yield from _forms(model_admin)


def _admins() -> list[Any]:
    from django.contrib import admin

    from sync.admin import SyncAdminMixin

    found = admin.site._registry.values()
    return [one for one in found if one.opts.app_label == "crudsync" or isinstance(one, SyncAdminMixin)]


def _mixed_in() -> list[str]:
    return [f"{one.opts.app_label}_{one.opts.model_name}_" for one in _admins()]


def _lists(model_admin: Any, user: Any) -> Iterator[Page]:
    """A list as it is, with each choice, with each two choices of different filters, searched, at its last page."""
    from django.urls import reverse

    name = f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"
    url = reverse(name)
    yield Page(name, url)
    changelist = _changelist(model_admin, user, url)
    choices = [_choices(spec, changelist) for spec in changelist.filter_specs]
    singles = [choice for found in choices for choice in found]
    ours = model_admin.opts.app_label == "crudsync"  # of a model of the user's own, the filters are the user's
    pairs = [{**a, **b} for one, other in itertools.combinations(choices, 2) for a in one for b in other if ours]
    searches = [{"q": term} for term in _terms(model_admin)]
    paged: list[dict[str, str]] = [{"p": str(changelist.paginator.num_pages)}]
    for query in (*singles, *pairs, *searches, *paged):
        if query != {}:
            yield Page(f"{name}?{_told(query)}", f"{url}?{urlencode(query)}")


def _told(query: Mapping[str, str]) -> str:
    """The query as a name: a page's number or a searched id differs from database to database."""
    return "&".join(f"{key}={'…' if key == 'p' else value}" for key, value in query.items())


def _changelist(model_admin: Any, user: Any, url: str) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get(url)
    request.user = user
    return model_admin.get_changelist_instance(request)


def _choices(spec: Any, changelist: Any) -> list[dict[str, str]]:
    found = [dict(parse_qsl(choice["query_string"].lstrip("?"))) for choice in spec.choices(changelist)]
    return [query for query in found if query]


def _terms(model_admin: Any) -> list[str]:
    if not model_admin.search_fields:
        return []
    return ["7", "77*", NOBODY, f"{NOBODY}*"]


def _forms(model_admin: Any) -> Iterator[Page]:
    """The pages of one row, for the oldest and the newest row, and those that need none."""
    for pattern in model_admin.get_urls():
        if not pattern.name or pattern.name.endswith("_changelist"):
            continue
        name = f"admin:{pattern.name}"
        wanted = list(pattern.pattern.converters)
        if len(wanted) > 1:
            found = (_named(model_admin.model, key, wanted) for key in _keys(model_admin.model))
            keywords = [one for one in found if one]
            yield from _reversed(name, [()] * len(keywords), keywords)
        else:
            yield from _reversed(name, [(key,) for key in _keys(model_admin.model)] if wanted else [()])


def _named(model: Any, key: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """What a page of an object under one connection wants, by name: as its first binding has it; nothing without."""
    from sync.models import Binding

    found = Binding.objects.filter(model=model._meta.label_lower, object_id=str(key)).order_by("pk").first()
    return {name: getattr(found, name) for name in wanted} if found is not None else {}


def _keys(model: Any) -> list[Any]:
    """The oldest row, the newest, and the binding with the most attempts (see ``benchmarks.fill``)."""
    rows = model._default_manager.order_by("pk").values_list("pk", flat=True)
    seventh = list(rows.filter(pk=7)) if model.__name__ == "Binding" else []
    return [key for key in dict.fromkeys((rows.first(), *seventh, rows.last())) if key is not None]


# --- everything else -------------------------------------------------------------------------------------------------


def _others() -> Iterator[Page]:
    from django.urls import get_resolver

    for name, pattern in _patterns(get_resolver().url_patterns, ""):
        if not _is_ours(pattern.callback, name):
            continue
        cls, actions = getattr(pattern.callback, "cls", None), getattr(pattern.callback, "actions", None)
        if actions is not None and "get" not in actions:
            continue  # a deed
        groups = tuple(pattern.pattern.regex.groupindex)
        if "format" in groups:
            continue  # the same again, with a suffix
        model = getattr(getattr(cls, "queryset", None), "model", None)
        arguments = [dict.fromkeys(groups, key) for key in _keys(model)] if groups and model else [{}]
        for page in _reversed(name, [()] * len(arguments), arguments):
            yield page
            if cls is not None and not groups:
                yield from _narrowed(page, cls, model)


def _patterns(entries: Sequence[Any], namespace: str) -> Iterator[tuple[str, Any]]:
    for entry in entries:
        if hasattr(entry, "url_patterns"):
            if entry.namespace != "admin":
                inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
                yield from _patterns(entry.url_patterns, inner)
        elif entry.name:
            yield namespace + entry.name, entry


def _narrowed(page: Page, cls: Any, model: Any) -> Iterator[Page]:
    """An API list with each of its filters, searched, and in each order."""
    queries = [{name: value} for name, values in _api_filters(cls, model) for value in values]
    if getattr(cls, "search_fields", None) or "search" in getattr(
        getattr(cls, "filterset_class", None), "base_filters", ()
    ):
        queries += [{"search": "7"}, {"search": NOBODY}]
    orders = getattr(cls, "ordering_fields", None) or ()
    queries += [{"ordering": sign + name} for name in orders if orders != "__all__" for sign in ("", "-")]
    queries += [{"ordering": name} for name in getattr(cls, "orderings", ())]
    for query in queries:
        yield Page(f"{page.name}?{_told(query)}", f"{page.url}?{urlencode(query)}")


def _api_filters(cls: Any, model: Any) -> Iterator[tuple[str, list[str]]]:
    filterset = getattr(cls, "filterset_class", None)
    row = model._default_manager.order_by("pk").first() if model is not None else None
    for name, found in getattr(filterset, "base_filters", {}).items():
        choices = found.extra.get("choices")
        if choices:
            given = choices() if callable(choices) else choices
            yield name, [str(value) for value, _ in given if value != ""]
        elif any("Boolean" in kind.__name__ for kind in type(found).__mro__):
            yield name, ["true", "false"]
        elif row is not None and (value := _value(row, found.field_name)) is not None:
            yield name, [value]


def _value(row: Any, path: str) -> str | None:
    for name in path.split("__"):
        row = getattr(row, name, None)
    value = getattr(row, "pk", row)
    return None if value is None else str(value.isoformat() if hasattr(value, "isoformat") else value)


def _reversed(
    name: str, positional: Sequence[tuple[Any, ...]], named: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Page]:
    """The addresses of a named view, told apart by their place: oldest first, newest last.

    Raises:
        RuntimeError: it cannot be said what it wants: teach this module, rather than forget a page.
    """
    from django.urls import NoReverseMatch, reverse

    for place, arguments in enumerate(positional):
        keywords = named[place] if named else {}
        try:
            url = reverse(name, args=arguments) if arguments else reverse(name, kwargs=keywords)
        except NoReverseMatch as error:
            raise RuntimeError(f"{name}: which arguments does it want? {error}") from error
        last = place == len(positional) - 1 and place > 0
        yield Page(
            f"{name} {'newest' if last else 'oldest' if not place else 'busiest'}" if arguments or keywords else name,
            url,
        )
