"""Secrets are known by name, and hidden in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.secrets import is_secret_name, redact


@pytest.mark.parametrize(
    "name",
    [
        "password", "user_password", "passwd", "passphrase", "pwd", "token", "accessToken", "csrftoken", "API-Key",
        "X-API-Key", "apikey", "Authorization", "Proxy-Authorization", "client_secret", "SecretKey", "private_key",
        "credentials", "Cookie", "Set-Cookie", "session_id", "JWTToken", "otp", "password1", "DB_PASSWORD",
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["name", "key", "author", "authority", "secretary", "passport", "compass", "tokenizer", "monkey", "", "é"],
)
def test_an_ordinary_name_is_no_secret(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "a\\"bc", "name": "x"}', '{"password": "[hidden]", "name": "x"}'),
        (r"{\"password\": \"canary\", \"b\": 2}", r"{\"password\": \"[hidden]\", \"b\": 2}"),
        ("{'token': 'canary'}", "{'token': '[hidden]'}"),
        ("Authorization: Bearer canary, x: 1", "Authorization: [hidden], x: 1"),
        ("sent Bearer canarycanary now", "sent Bearer [hidden] now"),
        ("https://user:canary@host/x?token=canary&b=1", "https://[hidden]@host/x?token=[hidden]&b=1"),
        ("password=ca\\na[r]y next", "password=[hidden] next"),
        ("Bearer of good news, name: x", "Bearer of good news, name: x"),
    ],
)
def test_secrets_are_hidden_by_their_names(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(secret=st.text(min_size=4, max_size=30), around=st.text(max_size=10))
def test_a_known_value_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    assert secret not in redact(f"{around}{secret}{around}", [secret]).replace("[hidden]", "")


def test_a_known_value_is_hidden_in_its_other_spellings() -> None:
    text = "a%2Fb%2Bc+d a/b+c d YS9iK2MgZA== a%2Fb%2Bc%20d"
    assert redact(text, ["a/b+c d"]) == "[hidden] [hidden] [hidden] [hidden]"
    assert redact('say "\\"quo\\\\ted"', ['"quo\\ted']) == 'say "[hidden]"'


def test_a_value_of_a_few_characters_is_left_alone() -> None:
    assert redact("id 1 of 10", ["1", ""]) == "id 1 of 10"
