"""The secret that a server may want: read from the environment, sent, and never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ttcli.errors import UsageError
from ttcli.policy.server.address import Address

OWN_KEY, SHARED_KEY = "TTC_API_KEY", "OPENAI_API_KEY"  # environment variables; ours first


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, and where it came from."""

    variable: str
    secret: str = field(repr=False)

    @classmethod
    def from_environment(cls, address: Address, *, insecure: bool = False) -> Key | None:
        """The key for a server that the environment holds; one that was not set for ttc goes nowhere unencrypted.

        `insecure`: ttc's own may.

        Raises:
            UsageError: what it holds cannot be sent, or not to this server.
        """
        names = (OWN_KEY, SHARED_KEY) if address.private else (OWN_KEY,)
        variable = next((name for name in names if os.environ.get(name, "").strip()), None)
        if variable is None:
            return None
        secret = os.environ[variable].strip()
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise UsageError(
                f"{variable} holds no key: a key is one word of ASCII characters", hint=f"unset {variable}"
            )
        if not (address.private or insecure):
            raise UsageError(
                f"{variable} would go unencrypted to {address.name}",
                hint=f"an https:// URL, or --insecure; without a key: unset {variable}",
            )
        return cls(variable, secret)
