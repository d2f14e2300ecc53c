from __future__ import annotations

import logging
from typing import Any

import pytest

from sync.exceptions import BadBody, CrudSyncError, Forbidden, NotFound, PayloadError, Refused, ServerError, Throttled
from sync.integrators.base import BaseIntegrator, name_of, part_of
from tests.integrators.answers import response


class SmsIntegrator(BaseIntegrator):
    base_url = "https://sms.test/"
    header_rate_limit_attr = "X-Left"


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        ("ShopIntegrator", "shop"),
        ("HubSpotIntegrator", "hub_spot"),
        ("ShopAPIIntegrator", "shop_api"),
        ("APIShopIntegrator", "api_shop"),
        ("Erp2Integrator", "erp2"),
        ("Shop", "shop"),
        ("Integrator", "integrator"),
        ("_HiddenIntegrator", "hidden"),
    ],
)
def test_the_default_name_is_the_classs_in_snake_case(cls: str, name: str) -> None:
    assert name_of(type(cls, (), {})) == name


def test_a_name_of_ones_own_wins_and_is_not_inherited() -> None:
    class NamedIntegrator(BaseIntegrator):
        name = "mine"

    class EuropeIntegrator(NamedIntegrator):
        pass

    assert (NamedIntegrator.name, EuropeIntegrator.name) == ("mine", "europe")


def test_headers_are_built_once_and_are_an_instances_own() -> None:
    class TokenIntegrator(BaseIntegrator):
        headers = {"X-Class": "1"}
        secret_key = "s3"
        calls = 0

        def set_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
            type(self).calls += 1
            return {"Authorization": f"Bearer {self.secret_key}"}

    first, second = TokenIntegrator(), TokenIntegrator()
    first.headers["X-Mine"] = "yes"
    assert first.headers == {"X-Class": "1", "Authorization": "Bearer s3", "X-Mine": "yes"}
    assert second.headers == {"X-Class": "1", "Authorization": "Bearer s3"}
    assert TokenIntegrator.calls == 2
    assert TokenIntegrator.declared_headers() == {"X-Class": "1"}


def test_headers_of_a_mixin_are_headers_of_the_class() -> None:
    class Mixin:
        headers = {"X-Mixin": "1"}

    class MixedIntegrator(Mixin, BaseIntegrator):  # type: ignore[misc]
        pass

    assert MixedIntegrator().headers == {"X-Mixin": "1"}


def test_a_number_of_threads_on_a_class_without_connections_is_kept_apart() -> None:
    class BusyIntegrator(BaseIntegrator):
        threads = 5

    assert BusyIntegrator.max_threads == 5


def test_headers_may_be_set_whole() -> None:
    unit = BaseIntegrator()
    given = {"X": "1"}
    unit.headers = given
    unit.headers["Y"] = "2"
    assert given == {"X": "1"}


def test_a_hook_that_returns_nothing_adds_no_headers() -> None:
    class QuietIntegrator(BaseIntegrator):
        def set_headers(self, *args: Any, **kwargs: Any) -> Any:
            return None

    assert QuietIntegrator().headers == {}


class WithDict:
    def dict(self) -> dict[str, int]:
        return {"a": 1}


class WithDump(WithDict):
    def model_dump(self) -> dict[str, int]:
        return {"a": 2}


@pytest.mark.parametrize(
    ("model", "data"), [(None, None), ({"a": 1}, {"a": 1}), (WithDict(), {"a": 1}), (WithDump(), {"a": 2})]
)
def test_data_are_what_the_model_says_of_itself(model: Any, data: Any) -> None:
    assert BaseIntegrator(model).data == data


def test_data_are_a_copy() -> None:
    given = {"a": 1}
    unit = BaseIntegrator(given)
    unit.data["b"] = 2
    assert given == {"a": 1}
    assert unit.data == {"a": 1, "b": 2}


def test_data_without_json_are_refused() -> None:
    with pytest.raises(PayloadError):
        _ = BaseIntegrator({"a": object()}).data


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"id": 7, "name": "x"}, 7),
        (201, {"id": "a/b"}, "a/b"),
        (202, {"name": "x"}, {"name": "x"}),
        (200, {"id": None}, {"id": None}),
        (200, {"id": 0}, 0),
        (200, [1, 2], [1, 2]),
        (204, None, {}),
        (200, None, {}),
    ],
)
def test_a_success_gives_the_id_or_else_the_content_and_never_none(status: int, body: Any, said: Any) -> None:
    assert BaseIntegrator().validate_response(response(status, body)) == said


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (403, Forbidden), (404, NotFound), (429, Throttled), (500, ServerError), (301, Forbidden)],
)
def test_an_error_is_raised_by_its_type(status: int, error: type[CrudSyncError]) -> None:
    with pytest.raises(error) as caught:
        BaseIntegrator().validate_response(response(status, {"id": 5}))
    assert caught.value.status_code == status  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"<html>", b"{", b'{"a": NaN}'])
def test_a_body_that_is_not_what_it_says_is_an_error(body: bytes) -> None:
    with pytest.raises(BadBody) as caught:
        BaseIntegrator().validate_response(response(200, body))
    assert caught.value.status_code == 200


def test_the_named_header_ends_up_in_rate_limit() -> None:
    unit = SmsIntegrator()
    assert unit.rate_limit is None
    unit.validate_response(response(200, {"id": 1}, X_Left="42"))
    assert unit.rate_limit == "42"
    assert SmsIntegrator().rate_limit is None


def test_the_named_header_is_kept_from_an_error_too() -> None:
    unit = SmsIntegrator()
    with pytest.raises(Throttled):
        unit.validate_response(response(429, None, X_Left="0"))
    assert unit.rate_limit == "0"


def test_what_was_answered_is_logged_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="crudsync.integrators"):
        SmsIntegrator().validate_response(response(200, {"id": 7, "token": "hush"}))
    assert "sms: answered 200 for 7" in caplog.text
    assert "hush" not in caplog.text


def test_a_part_of_a_batchs_answer_reads_like_an_answer() -> None:
    whole = response(200, [{"id": 1}, {"id": 2}])
    assert part_of(whole, {"id": 2}).json() == {"id": 2}
    assert part_of(whole, None).content == b""
    assert len(whole.json()) == 2
