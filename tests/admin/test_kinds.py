"""The mixin on models of every kind, on another admin site than the first."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.db import connection as database
from django.db.models import Exists, Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.encoding import iri_to_uri

from sync import CrudIntegrator, Map, ObjectType, registry
from sync.admin import show
from sync.admin.filters import bindings_of_rows
from sync.models import Binding, Connection, State
from sync.models.identity import object_id_of
from sync.registry import model_label
from tests.zoo.models import Animal, Crate, Enclosure, Penguin, Ticket

NASTY = 'a/b "c" _5F&?\'é'


class Zoo(CrudIntegrator):
    name = "zoo"
    base_url = "https://zoo.test/"
    web_url = "https://zoo.test/show/{endpoint}/{id}"

    @staticmethod
    def set_object_types() -> dict[str, Any]:  # type: ignore[override]
        one = [Map("name")]
        return {
            "animal": ObjectType(model=Animal, endpoint="animals", fields=one),
            "penguin": ObjectType(model=Penguin, endpoint="penguins", fields=one),
            "ticket": ObjectType(model=Ticket, endpoint="tickets"),
            "crate": ObjectType(model=Crate, endpoint="crates", fields=[Map("label")]),
        }


@pytest.fixture(autouse=True)
def _zoo(settings: Any, db: None) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.admin.backstage"
    registry.register(Zoo)
    yield
    registry.unregister("zoo")


@pytest.fixture
def zoo(_zoo: None) -> Connection:
    return registry.connection("zoo")


def made(kind: str) -> tuple[Any, Any]:
    """Two objects of a kind."""
    if kind == "ticket":
        return Ticket.objects.create(code=NASTY), Ticket.objects.create(code="plain")
    if kind == "crate":
        return Crate.objects.create(label="one"), Crate.objects.create(label="two")
    model: Any = Penguin if kind == "penguin" else Animal
    return model.objects.create(name="one"), model.objects.create(name="two")


KINDS = {"ticket": "ticket", "crate": "crate", "pet": "animal", "penguin": "penguin"}
"""The model on the page, and its object type: a proxy has that of the model it stands for."""


def bind(zoo: Connection, obj: Model, object_type: str, **values: Any) -> Binding:
    given = {"object_id": object_id_of(obj.pk), "model": model_label(type(obj)), "state": State.SYNCED, **values}
    return Binding.objects.create(connection=zoo, object_type=object_type, **given)


def shown(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


def listed(client: Client, kind: str, **data: Any) -> set[str]:
    answer: Any = client.get(f"/backstage/zoo/{kind}/", data)
    assert answer.status_code == 200
    return {object_id_of(row.pk) for row in answer.context["cl"].result_list}


@pytest.mark.parametrize("kind", KINDS)
def test_the_filters_find_rows_by_whatever_key(kind: str, admin: Client, zoo: Connection) -> None:
    one, two = made(KINDS[kind])
    first, second = object_id_of(one.pk), object_id_of(two.pk)
    assert listed(admin, kind, crudsync="never") == {first, second}
    row = bind(zoo, one, KINDS[kind], state=State.HELD)
    assert listed(admin, kind, crudsync="failed") == {first}
    assert listed(admin, kind, crudsync="never") == {second}
    assert listed(admin, kind, crudsync="pending") == set()
    assert listed(admin, kind, crudsync_connection=zoo.pk) == {first}
    berlin = Connection.objects.create(integrator="zoo", name="berlin")
    assert listed(admin, kind, crudsync_connection=berlin.pk) == set()
    assert listed(admin, kind, crudsync_connection=berlin.pk, crudsync="never") == {first, second}
    assert listed(admin, kind, crudsync_connection=zoo.pk, crudsync="failed") == {first}
    Binding.objects.filter(pk=row.pk).update(state=State.RETRYING)
    assert listed(admin, kind, crudsync="pending") == {first}
    Binding.objects.filter(pk=row.pk).update(state=State.SYNCED)
    assert listed(admin, kind, crudsync="synced") == {first}
    Binding.objects.filter(pk=row.pk).update(state=State.HELD, code="unlinked")
    assert listed(admin, kind, crudsync="failed") == set()
    assert listed(admin, kind) == {first, second}


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_found_and_stays_on_its_site(kind: str, admin: Client, zoo: Connection) -> None:
    one, _two = made(KINDS[kind])
    bind(zoo, one, KINDS[kind], state=State.HELD, code="refused", detail="too long")
    base = f"/backstage/zoo/{kind}/{quote(one.pk)}/"
    about = f"{base}crudsync/{zoo.pk}/{KINDS[kind]}/"
    for url in (f"{base}change/", f"{base}crudsync/", f"{about}diff/", f"{about}adopt/", f"{about}ignore/"):
        text = shown(admin, url)
        assert '="/admin/' not in text, url
        assert "/backstage/" in text
    assert "Not at zoo yet: too long." in shown(admin, f"{base}change/")
    Binding.objects.update(remote_id="r/1")
    assert "Unlink" in shown(admin, f"{about}unlink/")
    text = shown(admin, f"{base}crudsync/")
    assert f'href="{iri_to_uri(about)}diff/"' in unescape(text)
    assert "https://zoo.test/show/" in text
    assert "r%2F1" in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_deeds_reach_the_object(kind: str, admin: Client, zoo: Connection) -> None:
    one, _two = made(KINDS[kind])
    answer = admin.post(f"/backstage/zoo/{kind}/{quote(one.pk)}/crudsync/", {"_push": "1", "_stay": "1"})
    assert answer.status_code == 302
    assert answer["Location"] == iri_to_uri(f"/backstage/zoo/{kind}/{quote(one.pk)}/change/")
    assert Binding.objects.filter(object_id=object_id_of(one.pk), object_type=KINDS[kind]).exists()


def test_a_filter_costs_no_query_a_row(admin: Client, zoo: Connection) -> None:
    def queries(**data: Any) -> int:
        with CaptureQueriesContext(database) as context:
            listed(admin, "crate", **data)
        return len(context)

    bind(zoo, made("crate")[0], "crate", state=State.DEAD)
    usual = queries()
    wanted = [{"crudsync": word} for word in ("failed", "never", "pending", "synced")]
    few = [queries(**data) for data in wanted]
    assert max(few) <= usual + 2  # bindings are counted and read, and keys found, in place of counting rows twice
    for n in range(20):
        bind(zoo, Crate.objects.create(label=str(n)), "crate", state=State.DEAD)
        Crate.objects.create(label=f"loose {n}")
    assert [queries(**data) for data in wanted] == few
    assert queries() == usual


@pytest.mark.pg
def test_the_filter_is_one_statement_over_an_index(zoo: Connection) -> None:
    rows = bindings_of_rows(Crate, "default").filter(state=State.DEAD)
    for n in range(300):
        bind(zoo, Crate.objects.create(label=str(n)), "crate", state=State.DEAD)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE crudsync_binding, zoo_crate")
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Crate.objects.filter(Exists(rows)).explain()
    assert "crudsync_binding_" in plan
    assert "SubPlan" not in plan


def test_a_filter_that_is_placed_stays_where_it_is(admin: Client, zoo: Connection) -> None:
    answer: Any = admin.get("/backstage/zoo/ticket/")
    titles = [str(each.title) for each in answer.context["cl"].filter_specs]
    assert titles[0] == "sync"
    assert titles.count("sync") == 1


@pytest.mark.parametrize("value", ["nonsense", "9" * 40, "²", "-1"])
def test_a_filter_value_that_is_none_is_harmless(value: str, admin: Client, zoo: Connection) -> None:
    made("crate")
    for data in ({"crudsync": value}, {"crudsync_connection": value}):
        assert admin.get("/backstage/zoo/crate/", data).status_code in (200, 302)


def test_a_model_that_goes_nowhere_has_no_filters(admin: Client) -> None:
    Enclosure.objects.create(name="x")
    answer: Any = admin.get("/backstage/zoo/enclosure/")
    assert answer.context["cl"].filter_specs == []
    assert "crudsync=" not in answer.content.decode()


def test_a_popup_has_the_form_without_the_panel(admin: Client, zoo: Connection) -> None:
    one, _two = made("crate")
    url = f"/backstage/zoo/crate/{one.pk}/change/"
    assert "crudsync-panel" in shown(admin, url)
    assert "crudsync-panel" not in shown(admin, url, _popup="1")


def test_an_admin_without_actions_keeps_none(admin: Client, zoo: Connection) -> None:
    made("animal")
    text = shown(admin, "/backstage/zoo/animal/")
    assert 'name="action"' not in text
    assert text.index("column-crudsync_status") < text.index("column-__str__")


def test_a_template_of_one_s_own_shows_no_button_without_its_form(admin: Client, zoo: Connection) -> None:
    one, _two = made("animal")
    assert "crudsync-deeds" not in shown(admin, f"/backstage/zoo/animal/{one.pk}/change/")


def test_the_engine_s_link_leads_to_an_object_whatever_its_key(admin: Client, zoo: Connection) -> None:
    from tests.admin.backstage import site

    ticket, _other = made("ticket")
    url = show.local_url(site, "zoo.ticket", ticket.pk)
    assert "Change ticket" in shown(admin, url)


def test_a_child_s_row_is_not_its_parent_s(admin: Client, zoo: Connection) -> None:
    penguin = Penguin.objects.create(name="Pingu")
    bind(zoo, penguin, "penguin", state=State.DEAD)
    assert listed(admin, "penguin", crudsync="failed") == {str(penguin.pk)}
    assert listed(admin, "pet", crudsync="failed") == set()
