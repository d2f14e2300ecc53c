"""The dashboard and the rules that are shipped speak of metrics that exist."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sync.models import Connection, Sweep
from sync.models.clock import now
from sync.monitoring.metrics import text

pytestmark = pytest.mark.django_db

HERE = files("sync.monitoring") / "grafana"
NAME = re.compile(r"\bcrudsync_[a-z_]+")
LABELS = re.compile(r"\{\{ ?(?:\$labels\.)?([a-z]+) ?\}\}")


@pytest.fixture
def there(account: Connection) -> dict[str, set[str]]:
    """The series that exist, with their labels."""
    Sweep.objects.create(name="sweep", at=now())
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "dashboard.json").read_text())
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def targets() -> list[dict[str, Any]]:
    return [target for panel in dashboard()["panels"] for target in panel.get("targets", ())]


def test_every_metric_of_the_dashboard_exists(there: dict[str, set[str]]) -> None:
    used = {name for target in targets() for name in NAME.findall(target["expr"])}
    variables = json.dumps(dashboard()["templating"])
    used |= set(NAME.findall(variables))
    assert used - set(there) == set()


def test_every_metric_of_the_rules_exists(there: dict[str, set[str]]) -> None:
    used = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert used - set(there) == set()


def test_every_metric_is_looked_at_somewhere(there: dict[str, set[str]]) -> None:
    """One that nobody charts is one that nobody needs."""
    used = {name for target in targets() for name in NAME.findall(target["expr"])}
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in there}
    shown = {name.removesuffix("_bucket") for name in used}
    assert families - shown == set()


def test_legends_and_summaries_name_labels_that_there_are(there: dict[str, set[str]]) -> None:
    labels = set().union(*there.values())
    for text_ in (target["legendFormat"] for target in targets()):
        assert set(LABELS.findall(text_)) <= labels
    for rule in rules():
        assert set(LABELS.findall(rule["annotations"]["summary"])) - {"value"} <= labels


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    found = dashboard()
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(found)
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_rules_are_ones_that_prometheus_takes() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smhd]", rule["for"])


@pytest.mark.parametrize("where", ["dashboard", "rules"])
def test_brackets_of_expressions_are_closed(where: str) -> None:
    for expression in (each["expr"] for each in (targets() if where == "dashboard" else rules())):
        stack = []
        for sign in re.sub(r'"[^"]*"', "", expression):
            if sign in "({[":
                stack.append({"(": ")", "{": "}", "[": "]"}[sign])
            elif sign in ")}]":
                assert stack.pop() == sign, expression
        assert not stack, expression
