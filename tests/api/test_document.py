"""The OpenAPI document, its page, CORS, and a site without the extra."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from sync.api import schema
from sync.api.document import DocumentView
from sync.exceptions import ConfigurationError
from tests.api.conftest import ROOT
from tests.servers.process import ROOT as HOUSE


@pytest.fixture(scope="module")
def document() -> Any:
    """The document of the whole site, which must be valid and raise no warning."""
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    return json.loads(out.getvalue())


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, verb, found) for path, verbs in document["paths"].items() for verb, found in verbs.items()]


def test_every_operation_says_what_it_does_and_how_one_signs_in(document: Any) -> None:
    assert len(operations(document)) > 50
    for path, verb, found in operations(document):
        assert found.get("summary") or found.get("description"), (verb, path)
        assert {"tokenAuth": []} in found["security"], (verb, path)
    assert set(document["components"]["securitySchemes"]) == {"cookieAuth", "tokenAuth"}


def test_every_operation_documents_its_errors_by_the_one_body_and_an_example(document: Any) -> None:
    for path, verb, found in operations(document):
        errors = {int(status) for status in found["responses"] if status >= "400"}
        assert {401, 403, 429, 500} <= errors, (verb, path)
        assert (404 in errors) == ("{" in path), (verb, path)
        assert ({400, 413, 415} <= errors) == (verb in ("post", "put", "patch")), (verb, path)
        for status in errors:
            media = found["responses"][str(status)]["content"]["application/json"]
            assert media["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
            assert media["examples"]


def test_an_object_that_cannot_be_synced_is_documented_for_views_of_one_s_own(document: Any) -> None:
    for path, _verb, found in operations(document):
        assert ("422" in found["responses"]) == ("/sync" in path), path


def test_the_document_is_the_same_whoever_asks_first(ada: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DocumentView, "kept", None)  # the first request of a process makes it
    first = ada.get(f"{ROOT}schema/?format=json&version=evil&lang=de", HTTP_ACCEPT_LANGUAGE="de").json()
    assert first["info"]["version"] == "1"
    assert ada.get(f"{ROOT}schema/?format=json").json() == first


def test_the_examples_of_errors_are_error_bodies() -> None:
    for status in schema.WORDS:
        (example,) = schema.error_response(status).examples
        assert example.value["status_code"] == status
        assert sorted(example.value) == sorted(schema.ErrorBody().fields)


def test_the_document_over_http_is_of_our_api_alone(ada: APIClient) -> None:
    found = ada.get(f"{ROOT}schema/?format=json").json()
    assert found["info"]["title"] == "django-crudsync"
    assert set(found["paths"]) == {path for path in found["paths"] if path.startswith(ROOT)}
    answer = ada.get(f"{ROOT}schema/")
    assert yaml.safe_load(answer.content)["openapi"].startswith("3.")


def test_the_page_asks_nothing_of_another_server_and_has_no_script_in_it(ada: APIClient, client: Client) -> None:
    text = ada.get(f"{ROOT}docs/").content.decode()
    assert "//" not in text.replace("<!DOCTYPE", "")
    assert "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in text
    assert "<script>" not in text
    script = ada.get(f"{ROOT}docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert f"{ROOT}schema/" in script.content.decode()
    assert client.get(f"{ROOT}docs/").json()["code"] == "not_authenticated"


ORIGIN = "https://console.test"


def test_another_site_s_page_may_not_call_until_its_origin_is_named(ada: APIClient, settings: Any) -> None:
    assert "Access-Control-Allow-Origin" not in ada.get(ROOT, HTTP_ORIGIN=ORIGIN).headers
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    answer = ada.get(ROOT, HTTP_ORIGIN=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "retry-after" in answer.headers["Access-Control-Expose-Headers"].lower()
    asked = {"HTTP_ORIGIN": ORIGIN, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    preflight = APIClient().options(f"{ROOT}bindings/resync/", **asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    elsewhere = APIClient().get("/admin/", HTTP_ORIGIN=ORIGIN)
    assert "Access-Control-Allow-Origin" not in elsewhere.headers


WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

HIDDEN = {"rest_framework", "drf_spectacular", "drf_spectacular_sidecar", "django_filters", "drf_standardized_errors"}

class Hide(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name, name=name)

import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name.partition(".")[0] in HIDDEN else found(name, *rest)
sys.meta_path.insert(0, Hide())

import django
django.setup()
from django.core.management import call_command
from django.test import RequestFactory
from django.urls import get_resolver
call_command("check")
print(sorted(str(each.pattern) for each in get_resolver().url_patterns))
from sync.exceptions import ConfigurationError
try:
    import sync.api.urls
except ConfigurationError as error:
    print(error.code, error.hint)
"""


def test_without_the_extra_the_site_runs_and_the_room_says_what_to_install() -> None:
    env = {"DJANGO_SETTINGS_MODULE": "project.settings", "SECRET_KEY": "x", "PYTHONPATH": str(HOUSE)}
    env |= {"DATABASE_URL": "sqlite:///:memory:", "ENV_FILE": "/dev/null"}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, cwd=HOUSE, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *_, patterns, error = done.stdout.splitlines()
    assert "api/" not in patterns
    assert error == "extra_missing install the extra: pip install 'django-crudsync[api]'"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sync.api

    monkeypatch.setattr(sync.api, "find_spec", lambda name: None if name == "django_filters" else object())
    with pytest.raises(ConfigurationError, match="needs django_filters") as caught:
        sync.api.need()
    assert caught.value.code == "extra_missing"
    with pytest.raises(AttributeError):
        sync.api.nothing  # noqa: B018 - asked for its effect


def test_an_application_that_the_pages_need_is_named_where_the_api_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from sync.checks import api

    assert api.check_api() == []
    monkeypatch.setattr(api.apps, "is_installed", lambda name: name != "drf_spectacular_sidecar")
    (found,) = api.check_api()
    assert found.id == "crudsync.W025"
    assert "drf_spectacular_sidecar" in found.msg
    monkeypatch.setattr(api, "in_use", lambda: False)
    assert api.check_api() == []


def test_the_api_is_not_in_use_where_no_address_leads_to_it(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync.checks import api

    assert api.in_use()
    monkeypatch.delitem(sys.modules, "sync.api.urls")
    settings.ROOT_URLCONF = "tests.admin.site"
    assert not api.in_use()
    settings.ROOT_URLCONF = None
    assert not api.in_use()
