"""What the house promises about its own files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from io import StringIO

import pytest
from django.core.management import call_command

from project import settings as site
from tests.servers.process import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted(ROOT.glob("requirements*.lock"))
MACHINE = re.compile(r"(?<![\w.}])/(?:root|home|work|opt|Users)/[\w.]")
PINNED = re.compile(r"^(\S+?)(?:\[.*\])?==", re.MULTILINE)


def files():
    """Return the project's own text files: what is committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs a git checkout")
    found = (ROOT / name for name in listed.stdout.decode().splitlines())
    return [path for path in found if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())


def test_the_readme_has_at_most_500_words():
    assert len((ROOT / "README.md").read_text().split()) <= 500


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_address(lock):
    assert not re.search(r"https?:|file:|index-url|find-links", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_of_a_lock_file_has_a_hash(lock):
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.split("\n")[0])


def test_the_lock_files_agree_on_what_both_pin():
    pins = [set(re.findall(r"^(\S+==\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS]
    names = [{pin.split("==")[0] for pin in each} for each in pins]
    both = names[0] & names[1]
    assert {p for p in pins[0] if p.split("==")[0] in both} == {p for p in pins[1] if p.split("==")[0] in both}


def test_the_lock_file_pins_every_dependency_of_the_demo():
    pinned = {name.lower() for name in PINNED.findall((ROOT / "requirements.lock").read_text())}
    groups = PYPROJECT["project"]["optional-dependencies"]
    asked = [*PYPROJECT["project"]["dependencies"], *groups["beat"], *groups["postgres"], *groups["demo"]]
    assert {re.split(r"[\[<>=;~ ]", name)[0].lower() for name in asked} <= pinned


def test_no_file_holds_a_path_of_a_machine():
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files()
        if path.name != "test_packaging.py" and (match := MACHINE.search(path.read_text(errors="replace")))
    ]
    assert found == []


def test_the_example_environment_names_what_the_settings_read():
    text = (ROOT / ".env.example").read_text()
    source = (ROOT / "project" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    assert {name for name in read if name not in text} == set()


def test_the_environment_is_read_in_the_settings_the_secrets_and_the_fault_points_alone():
    reads = re.compile(r"os\.environ|os\.getenv|environ\.Env")
    allowed = {"project/settings.py", "sync/secrets/references.py", "sync/faults.py"}
    starts = {"manage.py", "project/wsgi.py", "project/celery.py"}  # each names the settings' module
    children = {"project/demo.py", "sync/testing/remote.py"}  # they pass it on to processes that they start
    found = {
        str(path.relative_to(ROOT))
        for room in ("sync", "tasks", "project", "examples")
        for path in (ROOT / room).rglob("*.py")
        if reads.search(path.read_text())
    }
    assert found - allowed - starts - children == set()


def test_every_command_of_the_makefile_that_the_documents_name_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"(?:\$ |`)make ([a-z-]+)", page.read_text())}
    assert named <= targets


def test_the_site_reads_only_settings_that_exist():
    from sync.conf import NAMES

    assert set(site.CRUDSYNC) <= set(NAMES)
