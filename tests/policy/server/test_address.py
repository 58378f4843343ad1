from __future__ import annotations

import pytest

from ttcli.errors import UsageError
from ttcli.policy.server.address import Address


@pytest.mark.parametrize(
    ("text", "url", "host", "loopback"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1", "localhost", True),
        (" http://127.0.0.1:8000/v1/ ", "http://127.0.0.1:8000/v1", "127.0.0.1", True),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", "::1", True),
        ("https://api.example.org/v1", "https://api.example.org/v1", "api.example.org", False),
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000", "10.0.0.7", False),
        ("http://localhost.example.org/v1", "http://localhost.example.org/v1", "localhost.example.org", False),
    ],
)
def test_a_server_is_read_from_its_url(text: str, url: str, host: str, loopback: bool) -> None:
    address = Address.parse(text)
    assert (*address, address.loopback) == (url, host, loopback)
    assert "://" not in address.name


@pytest.mark.parametrize(
    "text",
    ["", "localhost:8000", "ftp://a/v1", "http://", "http:///v1", "http://a:port/v1", "http://a:99999/v1",
     "http://[::1/v1", "http://a/v1?key=SECRET", "http://a/v1#SECRET", "http://a/v 1", "http://a/v1\x1b[2J"],
)  # fmt: skip
def test_what_is_no_url_of_a_server_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert caught.value.hint == "--policy http://localhost:8000/v1"
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("text", ["http://me:SECRET@host/v1", "http://SECRET@host:80/v1"])
def test_credentials_in_a_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="has credentials") as caught:
        Address.parse(text)
    assert "SECRET" not in str(caught.value)
    assert "TTC_API_KEY" in (caught.value.hint or "")
