"""A wheel in a project of somebody else, set up by the README's own steps, delivers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import urllib.request
import zipfile
from importlib.util import find_spec

import pytest

from project.servers import LOOPBACK, answers, free_port, wait_until
from tests.servers.process import ROOT, Process

pytestmark = pytest.mark.process

NO_NETWORK = re.compile(r"NewConnectionError|name resolution|Connection refused|timed out|Network is unreachable")
README = (ROOT / "README.md").read_text()
BLOCKS = [
    textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
]
CELERY = """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
app = Celery("mysite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
MODELS = """
from django.db import models

class Product(models.Model):
    name = models.CharField(max_length=100)
"""
OWN_TASK = """
from celery import shared_task

@shared_task(name="theirs")
def theirs():
    return "theirs"
"""


def run(*command, cwd, env=None):
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command} failed\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    if find_spec("hatchling") is None:
        pytest.skip("needs hatchling: make test installs it")
    home = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(home), cwd=ROOT)
    return next(home.glob("*.whl"))


@pytest.fixture(scope="session")
def python(wheel, tmp_path_factory):
    """The interpreter of a fresh virtual environment that holds the wheel and what it depends on."""
    home = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", str(home), cwd=ROOT)
    pins = home / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    pins.write_text("\n".join(line.removesuffix("\\").strip() for line in lock if "==" in line and line[0].isalnum()))
    binary = home / "bin" / "python"
    done = subprocess.run(
        [str(binary), "-m", "pip", "install", "--quiet", "--constraint", str(pins), str(wheel)],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip(f"needs a package index: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return binary


@pytest.fixture(params=["in an app", "at the top"])
def site(request, python, tmp_path, redis_server):
    """A fresh project with a shop, a Celery application and a tasks.py of its own, after the README's steps."""
    run(str(python), "-m", "django", "startproject", "mysite", str(tmp_path), cwd=tmp_path)
    run(str(python), "manage.py", "startapp", "shop", cwd=tmp_path)
    integrators, settings = BLOCKS
    at_the_top = request.param == "at the top"
    remote = free_port()
    files = {
        "mysite/celery.py": CELERY,
        "mysite/__init__.py": "from .celery import app as celery_app\n",
        "shop/models.py": MODELS,
        "shop/integrators.py": integrators.replace("https://api.shop.test/v2/", f"http://{LOOPBACK}:{remote}/"),
        "tasks.py" if at_the_top else "shop/tasks.py": OWN_TASK,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with (tmp_path / "mysite" / "settings.py").open("a") as file:
        file.write(f'\nINSTALLED_APPS += ["shop"]\n{settings}')
        file.write(f'\nCELERY_BROKER_URL = "{redis_server.url}"\n')
        if at_the_top:
            file.write('CELERY_IMPORTS = ["tasks"]\n')
    return tmp_path, remote


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        names = archive.namelist()
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sync", "tasks"}
    assert {"sync/migrations/0001_initial.py", "tasks/delivery.py"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_templates_and_static_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    ours = [path for kind in ("templates", "static") for path in (ROOT / "sync" / kind).rglob("*") if path.is_file()]
    ours += [path for path in (ROOT / "sync/monitoring/grafana").iterdir() if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in ours} <= held


def test_a_project_set_up_by_the_readme_delivers_a_saved_row(site, python):
    home, port = site
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CRUDSYNC_"))}
    environment = {**env, "PATH": f"{python.parent}{os.pathsep}{env['PATH']}", "PYTHONUNBUFFERED": "1"}

    def manage(*arguments):
        return run(str(python), "manage.py", *arguments, cwd=home, env=environment)

    manage("makemigrations", "shop")
    manage("migrate")
    manage("check")
    code = "from mysite import celery_app as a; a.loader.import_default_modules(); print(*sorted(a.tasks))"
    tasks = manage("shell", "--no-imports", "-c", code).split()
    assert {"crudsync.drain", "crudsync.sweep", "crudsync.reconcile", "crudsync.prune", "theirs"} <= set(tasks)
    code = "from django.conf import settings; print(*sorted(settings.CELERY_BEAT_SCHEDULE))"
    assert manage("shell", "--no-imports", "-c", code).split() == [
        "crudsync.alerts",
        "crudsync.prune",
        "crudsync.reconcile",
        "crudsync.roll_up",
        "crudsync.sweep",
    ]

    sandbox = [str(python), "manage.py", "crudsync_sandbox", f"--port={port}"]
    worker = [str(python), "-m", "celery", "-A", "mysite", "worker", "--concurrency=1", "--loglevel=INFO"]
    processes = [Process(name, command, env=environment, home=home, cwd=home) for name, command in
                 (("remote", sandbox), ("celery", worker))]  # fmt: skip
    try:
        for process in processes:
            process.start()
        assert wait_until(lambda: answers(port), timeout_s=30), processes[0].tail()
        processes[1].wait_for(" ready.", timeout_s=60)
        manage("shell", "--no-imports", "-c", "from shop.models import Product; Product.objects.create(name='Kettle')")
        assert wait_until(lambda: _names(port) == ["Kettle"], timeout_s=30, every_s=0.1), processes[1].tail()
    finally:
        for process in processes:
            process.kill()


def _names(port):
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/__state__/products", timeout=5) as answer:
        return [product["name"] for product in json.load(answer)]
