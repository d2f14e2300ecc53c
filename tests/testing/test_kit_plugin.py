"""The plugin in a project of its own: pytest within pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


SETTINGS = "-p sync.testing.plugin --ds=tests.settings -p no:cacheprovider -W error"

CASES = """
import pytest
from examples.shop.models import Category
from sync.models import Change
from sync.testing import assert_sent

pytestmark = pytest.mark.django_db

def save():
    return Category.objects.create(name="Tools", slug="tools")

def test_capture_is_off():
    save()
    assert not Change.objects.exists()

@pytest.mark.crudsync
def test_the_marker_asks_for_it():
    save()
    assert Change.objects.count() == 1

def test_the_fixture_asks_for_it(captured):
    save()
    assert Change.objects.count() == 1

def test_the_sandbox_takes_the_calls(sandbox, deliver):
    category = save()
    assert deliver().succeeded == 1
    assert_sent(category, verb="create", name="Tools")
    assert sandbox.objects("categories")[0]["name"] == "Tools"

def test_capture_is_off_again():
    save()
    assert not Change.objects.exists()

class TestOptions:
    @pytest.fixture
    def sandbox_options(self):
        return {"ids": "int"}

    def test_a_project_sets_its_own(self, sandbox, deliver):
        save()
        deliver()
        assert sandbox.objects("categories")[0]["id"] == 1
"""


def test_the_plugin_s_fixtures_and_marker_work_in_a_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CASES)
    result = pytester.runpytest_subprocess(*SETTINGS.split(), "--strict-markers")
    result.assert_outcomes(passed=6)


def test_a_project_without_django_settings_is_left_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess("-p", "sync.testing.plugin", "-p", "no:django", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_its_marker_is_announced(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-p", "sync.testing.plugin", "-p", "no:django", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.crudsync:*"])
