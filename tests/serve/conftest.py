"""A server for all tests of a file that only ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve.service import Service, scripted, service


@pytest.fixture(scope="module")
def asked() -> Iterator[Service]:
    """A server that nobody holds up."""
    with service(scripted()) as found:
        yield found
