from __future__ import annotations

import pytest
from django.test import TestCase, TransactionTestCase

from examples.shop.models import Category
from sync import conf
from sync.models import Change
from sync.testing import SyncTestMixin


class InATestCase(SyncTestMixin, TestCase):
    sandbox_options = {"ids": "int"}

    @classmethod
    def setUpTestData(cls) -> None:
        cls.category = Category.objects.create(name="Tools", slug="tools")

    def test_a_saved_row_arrives_at_the_sandbox(self) -> None:
        self.category.name = "Good tools"
        self.category.save()
        assert self.deliver().succeeded == 1
        assert self.sandbox.objects("categories")[0]["id"] == 1
        self.assert_sent(self.category, verb="create", times=1, name="Good tools")
        self.assert_not_sent(self.category, verb="update")

    def test_each_test_has_a_sandbox_of_its_own(self) -> None:
        assert self.sandbox.objects("categories") == []


class InATransactionTestCase(SyncTestMixin, TransactionTestCase):
    def test_a_saved_row_arrives_at_the_sandbox(self) -> None:
        category = Category.objects.create(name="Tools", slug="tools")
        self.deliver(timeout_s=5.0)
        self.assert_sent(category)


class WithoutASandbox(SyncTestMixin, TestCase):
    use_sandbox = False

    def test_writes_are_captured_and_calls_stay_where_they_were(self) -> None:
        Category.objects.create(name="Tools", slug="tools")
        assert Change.objects.count() == 1
        assert "shop" not in conf.current().integrators
        assert not hasattr(self, "sandbox")


@pytest.mark.django_db
def test_nothing_of_a_case_is_left_behind() -> None:
    assert not conf.current().inline
