"""Policies on models that a test names, closed when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.policy.local.policy import LocalPolicy


@pytest.fixture
def policy_on() -> Iterator[Callable[..., LocalPolicy]]:
    """A policy of four texts on one thread, with these options."""
    with ExitStack() as stack:

        def make(model: Model, **options: Any) -> LocalPolicy:
            defaults: dict[str, Any] = {"name": "tiny", "sampling": SamplingParams(), "width": 4, "threads": 1}
            policy = LocalPolicy(model, **defaults | options)
            stack.callback(policy.close)
            return policy

        yield make
