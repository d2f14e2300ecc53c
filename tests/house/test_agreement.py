"""The comparison that the demo's verdict rests on finds what differs."""

from __future__ import annotations

import pytest

from examples.shop.agreement import differences, expected
from examples.shop.models import Customer, Product
from examples.shop.samples import seed

pytestmark = pytest.mark.django_db
REFERENCES = {"parent_id": "categories", "category_id": "categories", "customer_id": "customers"}


@pytest.fixture
def remote():
    """What a remote holds that took everything: ids of its own, references by those ids."""
    seed(4)
    rows = expected()
    ids = {name: {key: f"{name}-{number}" for number, key in enumerate(objects)} for name, objects in rows.items()}
    return {
        name: [
            {
                "id": ids[name][key],
                **{
                    field: ids[REFERENCES[field]].get(value) if field in REFERENCES else value
                    for field, value in fields.items()
                },
            }
            for key, fields in objects.items()
        ]
        for name, objects in rows.items()
    }


def test_equal_sides_have_no_differences(remote):
    assert list(differences(remote)) == []


def test_a_missing_object_is_named(remote):
    remote["products"].pop(0)
    assert list(differences(remote)) == [f"products: {Product.objects.order_by('name', 'sku').first().sku} is missing"]


def test_an_object_that_should_not_be_there_is_named(remote):
    Customer.objects.get(email="customer0@shop.example").delete()
    assert any("customer0@shop.example is there and should not be" in line for line in differences(remote))


def test_a_doubled_object_is_named(remote):
    remote["customers"].append({**remote["customers"][0], "id": "another"})
    assert list(differences(remote)) == [f"customers: {remote['customers'][0]['email']} is there twice"]


def test_a_field_that_differs_is_named_with_both_values(remote):
    remote["customers"][0]["name"] = "Somebody Else"
    (line,) = differences(remote)
    assert "has name 'Somebody Else', not 'Ada Abe'" in line


def test_a_reference_to_the_wrong_object_is_named(remote):
    product = remote["products"][0]
    product["category_id"] = remote["categories"][0]["id"]
    (line,) = differences(remote)
    assert "has category_id" in line


def test_a_reference_to_nothing_is_named(remote):
    remote["products"][0]["category_id"] = "gone"
    (line,) = differences(remote)
    assert "unknown id gone" in line


def test_a_draft_may_be_there_or_not(remote):
    draft = Product.objects.get(sku="SKU-00000")
    Product.objects.filter(pk=draft.pk).update(status=Product.Status.DRAFT)
    assert list(differences(remote)) == []
    remote["products"] = [each for each in remote["products"] if each["sku"] != draft.sku]
    assert list(differences(remote)) == []


def test_the_same_count_gives_the_same_rows(db):
    seed(6)
    first = expected()
    for model in (Product, Customer):
        model.objects.all().delete()
    seed(6)
    assert expected() == first


def test_seeding_twice_changes_nothing(remote):
    before = expected()
    assert seed(4) == {"category": 16, "product": 4, "customer": 1, "order": 2}
    assert expected() == before
