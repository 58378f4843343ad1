"""Where a server is: its URL, checked before anything is sent."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from ttcli.errors import UsageError

_EXAMPLE = "--policy http://localhost:8000/v1"


class Address(NamedTuple):
    """The base URL of an OpenAI-compatible API."""

    url: str  # without a slash at its end
    host: str  # without port

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `http(s)://HOST[:PORT]/v1`.

        Raises:
            UsageError: another scheme, no host, a port that is none, credentials or a query; none of them is repeated.
        """
        try:
            parts = urlsplit(text.strip())
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError("--policy has no valid host and port", hint=_EXAMPLE) from error
        if "@" in parts.netloc:
            raise UsageError(
                "--policy has credentials in its URL, where others could read them",
                hint="put the key into the environment variable TTC_API_KEY",
            )
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError("--policy takes the URL of a server", hint=_EXAMPLE)
        if parts.query or parts.fragment or not text.strip().isprintable() or " " in text.strip():
            raise UsageError("--policy takes a URL that ends with its path", hint=_EXAMPLE)
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", host)

    @property
    def name(self) -> str:
        """What messages call the server: its URL without the scheme."""
        return self.url.partition("://")[2]

    @property
    def private(self) -> bool:
        """Whether nobody else can read what is sent: it is encrypted, or stays on this machine."""
        return self.url.startswith("https:") or self.loopback

    @property
    def loopback(self) -> bool:
        """Whether it is this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
