from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.http import safe_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.test/a", "https://api.test/a"),
        ("https://api.test/a?page=2", "https://api.test/a?page=2"),
        ("https://api.test/a?access_token=x&page=2", "https://api.test/a?access_token=***&page=2"),
        ("https://api.test/a?KEY=x", "https://api.test/a?KEY=***"),
        ("https://api.test/a?sig=x&flag", "https://api.test/a?sig=***&flag"),
        ("https://api.test/a?email=a%40b.test&sort=name", "https://api.test/a?email=***&sort=name"),
        ("https://api.test/a?cursor=abc", "https://api.test/a?cursor=***"),
        ("https://user:pw@api.test/a", "https://api.test/a"),
        ("https://api.test/a#token=x", "https://api.test/a"),
        ("https://api.test?secret=x@y", "https://api.test?secret=***"),
        ("", ""),
        ("/path?password=a=b", "/path?password=***"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert safe_url(url) == shown


@given(st.text(), st.sampled_from(["token", "api_key", "client_secret", "password", "signature"]))
def test_the_value_of_a_secret_parameter_never_shows(prefix: str, name: str) -> None:
    assert "c4n4ry" not in safe_url(f"https://h/{prefix.replace('c4n4ry', '')}?a=b&{name}=c4n4ry")
