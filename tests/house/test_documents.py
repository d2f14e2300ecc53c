"""What the documents say is so: the README's example runs, links lead somewhere, and the references are complete."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import fields

import pytest

import sync
from sync import exceptions
from sync.conf import Settings
from sync.exceptions import CrudSyncError
from sync.integrators import BaseIntegrator, ObjectType
from sync.retry.policies import POLICIES
from tests.house.test_packaging import PYPROJECT
from tests.servers.process import ROOT

DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SITE = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_celery_results", "sync", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
USE_TZ = True
"""
MODELS = """
from django.db import models

class Product(models.Model):
    name = models.CharField(max_length=100)
"""
SCRIPT = """
import django
django.setup()

import responses
from django.core.management import call_command
from shop.models import Product
from sync.testing import captured, deliver

call_command("migrate", run_syncdb=True, verbosity=0)
with captured(), responses.RequestsMock() as remote:
    remote.post("https://api.shop.test/v2/products", json={"id": "p-1"}, status=201)
    remote.patch("https://api.shop.test/v2/products/p-1", json={"id": "p-1"})
    remote.delete("https://api.shop.test/v2/products/p-1", status=204)
    product = Product.objects.create(name="Kettle")
    deliver()
    product.name = "Pot"
    product.save()
    deliver()
    product.delete()
    deliver()
    for call in remote.calls:
        print(call.request.method, call.request.path_url, (call.request.body or b"").decode())
"""


def blocks(text):
    return [textwrap.dedent(block) for _, block in BLOCK.findall(text)]


def table(page, columns):
    """Return the rows of the page's tables that have so many columns, as texts without their marks."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.read_text().splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row) for row in rows if len(row) == columns]


def test_the_readme_s_example_runs_word_for_word(tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    example = blocks((ROOT / "README.md").read_text())[0]
    for name, text in {"__init__.py": "", "models.py": MODELS, "integrators.py": example}.items():
        (shop / name).write_text(text)
    (tmp_path / "site_settings.py").write_text(SITE)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRUDSYNC")}
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    env |= {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": paths}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'POST /v2/products {"name":"Kettle"}',
        'PATCH /v2/products/p-1 {"name":"Pot"}',
        "DELETE /v2/products/p-1 ",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_is_python(page):
    for block in blocks(page.read_text()):
        ast.parse(block)


def test_every_picture_is_shown_somewhere():
    shown = {name for page in PAGES for name in re.findall(r"images/([\w-]+\.png)", page.read_text())}
    assert {path.name for path in (DOCS / "images").iterdir()} == shown


def test_every_public_name_is_listed_once():
    rows = [re.findall(r"`(\w+)`", row[0]) for row in table(DOCS / "reference" / "names.md", 3) if "](" in row[2]]
    assert sorted(name for row in rows for name in row) == sorted(sync.__all__)


def test_every_setting_is_listed_with_its_default():
    listed = {row[0].strip("`"): row[1].strip("`") for row in table(DOCS / "reference" / "settings.md", 3)[2:]}
    given = {name: ast.literal_eval(value) for name, value in listed.items()}
    default = {field.name: getattr(Settings(), field.name) for field in fields(Settings)}
    assert given == default


def test_every_command_has_a_section():
    commands = {path.stem for path in (ROOT / "sync" / "management" / "commands").glob("crudsync_*.py")}
    assert set(re.findall(r"^## (\w+)$", (DOCS / "reference" / "commands.md").read_text(), re.MULTILINE)) == commands


def test_every_error_is_listed_with_its_code_and_meaning():
    rows = table(DOCS / "reference" / "errors.md", 4)[2:]
    found = [
        (
            f"`{cls.__name__}`",
            "" if cls is CrudSyncError else f"`{cls.__mro__[1].__name__}`",
            f"`{cls.code}`",
            inspect.cleandoc(cls.__doc__).split("\n\n")[0].replace("\n", " ").replace("``", "`"),
        )
        for cls in vars(exceptions).values()
        if inspect.isclass(cls) and issubclass(cls, CrudSyncError)
    ]
    assert sorted(rows) == sorted(found)


def test_every_option_of_an_object_type_is_in_the_reference():
    text = (DOCS / "reference" / "integrators.md").read_text()
    options = [field.name for field in fields(ObjectType) if field.repr]  # the others are the integrator's to fill in
    assert [name for name in options if f"`{name}`" not in text] == []


def test_every_attribute_of_an_integrator_is_in_the_reference():
    text = (DOCS / "reference" / "integrators.md").read_text()
    kept = {"max_threads": "threads"}  # set under the other name
    names = [kept.get(name, name) for name in inspect.get_annotations(BaseIntegrator) if not name.startswith("_")]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_retry_policies_are_as_the_reference_says():
    rows = [row for row in table(DOCS / "reference" / "names.md", 3) if row[0].strip("`") in POLICIES]
    said = {row[0].strip("`"): (int(row[1]), row[2]) for row in rows}
    assert said == {
        name: (policy.attempts, f"{policy.base_delay:g} s" if policy.attempts > 1 else "–")
        for name, policy in POLICIES.items()
    }


def test_the_testing_kit_is_a_pytest_plugin_under_its_own_name_and_not_in_this_suite(request):
    assert PYPROJECT["project"]["entry-points"]["pytest11"] == {"sync.testing.plugin": "sync.testing.plugin"}
    assert not request.config.pluginmanager.has_plugin("sync.testing.plugin")
