"""Our tasks are loaded, whatever the host calls its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from sync import loading

ROOT = Path(__file__).resolve().parent.parent

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "sync"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
CELERY_BEAT_SCHEDULE = {}
"""
HOST = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "host_settings"
from celery import Celery
app = Celery("host")
app.config_from_object("django.conf:settings", namespace="CELERY")
import django; django.setup()
import sys
print(*sorted(name for name in app.tasks if name.startswith(("crudsync.", "host."))))
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"tasks", "crudsync_tasks"}))
"""
OWN = "from celery import shared_task\n@shared_task(name='host.own')\ndef own(): pass\n"
OURS = "crudsync.alerts crudsync.drain crudsync.prune crudsync.reconcile crudsync.roll_up crudsync.sweep"


def host(home: Path, more: str = "", settings: str = "") -> list[str]:
    """Run a host project of this directory, which comes before ours on the path; return what it prints."""
    (home / "host_settings.py").write_text(SETTINGS + settings)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CRUDSYNC"))}
    env["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", HOST + more]
    done = subprocess.run(command, cwd=home, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_in_a_project_without_tasks_of_its_own_ours_keep_their_name(tmp_path: Path) -> None:
    assert host(tmp_path) == [OURS, "tasks"]


def test_a_hosts_tasks_module_stays_the_hosts_and_ours_are_loaded_beside_it(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(OWN)
    found = host(tmp_path, "import tasks\nprint(tasks.own.name, 'host.own' in app.tasks)")
    assert found == [OURS, "crudsync_tasks", "host.own True"]


def test_a_hosts_tasks_package_stays_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text(OWN)
    (tmp_path / "tasks" / "delivery.py").write_text("raise RuntimeError('the host delivers parcels')")
    found = host(tmp_path, "import tasks\nfrom crudsync_tasks.schedule import schedule\nprint(len(schedule()))")
    assert found == [OURS, "crudsync_tasks", "5"]


def test_a_host_that_imported_its_tasks_before_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(OWN)
    assert host(tmp_path, settings="import tasks\n") == [f"{OURS} host.own", "crudsync_tasks tasks"]


def test_the_schedule_can_be_had_while_the_settings_are_being_read(tmp_path: Path) -> None:
    more = "from tasks.schedule import schedule\nCELERY_BEAT_SCHEDULE |= schedule(sweep_s=2)\n"
    found = host(tmp_path, "print(app.conf.beat_schedule['crudsync.sweep']['schedule'])", settings=more)
    assert found == [OURS, "tasks", "2"]


@pytest.mark.parametrize("own", [True, False])
def test_the_schedule_can_be_had_whatever_tasks_is(tmp_path: Path, own: bool) -> None:
    if own:
        (tmp_path / "tasks.py").write_text("raise RuntimeError('not ready yet')")
    more = "from sync.loading import schedule\nCELERY_BEAT_SCHEDULE |= schedule(sweep_s=2)\n"
    found = host(tmp_path, "print(*sorted(app.conf.beat_schedule))", settings=more)
    assert found[2:] == [OURS.replace("crudsync.drain ", "")]


@pytest.fixture
def _unloaded() -> Iterator[None]:
    before = {name: module for name, module in sys.modules.items() if name.startswith(loading.OTHER_NAME)}
    for name in before:
        del sys.modules[name]
    yield
    for name in [name for name in sys.modules if name.startswith(loading.OTHER_NAME)]:
        del sys.modules[name]
    sys.modules.update(before)


def spec_without_a_file() -> None:
    raise ValueError("tasks.__spec__ is None")


@pytest.mark.usefixtures("_unloaded")
@pytest.mark.parametrize(
    "found",
    [lambda: None, lambda: ModuleSpec("tasks", None, origin=None), spec_without_a_file],
    ids=["nothing", "a folder without __init__", "a module made by hand"],
)
def test_where_tasks_is_not_ours_it_is_loaded_by_its_path_once(
    monkeypatch: pytest.MonkeyPatch, found: Callable[[], object]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found() if name == "tasks" else None)
    monkeypatch.setattr(loading, "MODULES", ("options",))  # the tasks themselves can be registered once
    package = loading.load()
    assert package.__name__ == loading.OTHER_NAME
    assert package.__file__ == str(loading.OURS / "__init__.py")
    assert loading.load() is package


def test_where_tasks_is_ours_it_is_imported_plainly() -> None:
    assert loading.load().__name__ == "tasks"
    assert isinstance(sys.modules["tasks.delivery"], ModuleType)


@pytest.mark.usefixtures("_unloaded")
def test_a_missing_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "OURS", tmp_path / "tasks")
    monkeypatch.setattr(importlib.util, "spec_from_file_location", lambda *args, **kwargs: None)
    with pytest.raises(ImportError, match="the tasks of django-crudsync are missing at"):
        loading.load()
