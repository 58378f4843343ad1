from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from allocate.test_profile import example

from ttcli.catalog.entry import catalog
from ttcli.cost import Budget
from ttcli.errors import UsageError
from ttcli.runtime.settings import MAX_WIDTH, Machine, Settings


def test_the_defaults_are_auto_with_sixteen_generations_of_the_default_model() -> None:
    settings = Settings()
    assert settings.method.name == "auto"
    assert str(settings.budget) == "16"
    assert settings.verifier is None
    assert settings.model in catalog()


def test_naming_a_verifier_is_asking_for_best_of_n() -> None:
    settings = Settings(verifier_name="judge")
    assert (settings.method.name, settings.verifier) == ("best-of-n", ("judge", None))


def test_a_method_that_needs_a_verifier_gets_confidence() -> None:
    assert Settings(method_name="best-of-n-plain").verifier == ("confidence", None)


def test_revisions_take_a_verifier_that_is_named_and_none_otherwise() -> None:
    assert Settings(method_name="revise").verifier is None
    assert Settings(method_name="revise", verifier_name="confidence").verifier == ("confidence", None)
    assert Settings(method_name="revise", verifier_name="command:true").verifier == ("command", "true")
    assert Settings(method_name="search-revise").verifier == ("confidence", None)


@pytest.mark.parametrize("method", ["greedy", "majority", "adaptive"])
def test_a_verifier_is_refused_where_nothing_is_scored(method: str) -> None:
    assert Settings(method_name=method).verifier is None
    with pytest.raises(UsageError, match=f"{method} scores nothing"):
        Settings(method_name=method, verifier_name="confidence")


@pytest.mark.parametrize(
    ("profile", "told"),
    [(None, "auto without a profile scores nothing"), ("scripted", "auto scores by scripted, its profile's verifier")],
)
def test_auto_refuses_a_verifier_that_it_would_not_use(profile: str | None, told: str) -> None:
    advice = replace(example(), verifier=profile) if profile else None
    settings = Settings(method_name="auto", profile=advice)
    assert str(settings.verifier or "") == (profile or "")
    assert not profile or replace(settings, verifier_name=profile).verifier == settings.verifier
    with pytest.raises(UsageError, match=f"{told}.*so it has no use for confidence"):
        _ = replace(settings, verifier_name="confidence").verifier


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"method_name": "beams"}, "there is no method 'beams'"),
        ({"method_name": ""}, "there is no method ''"),
        ({"method_name": "beam:q=1"}, "beam has no setting 'q'"),
        ({"method_name": "beam:m=4", "budget": Budget(10)}, "beam takes beams in multiples of 4"),
        ({"method_name": "lookahead:k=3", "budget": Budget(3)}, "a budget of 3 makes 0"),
        ({"method_name": "revise:ratio=4", "budget": Budget(8)}, "8 generations make no whole chains"),
        ({"method_name": "search-revise:by=beam", "verifier_name": "command:true"}, "judges only finished solutions"),
        ({"reviser": "x.gguf", "policy": "http://localhost:8000/v1"}, "--reviser changes a model that runs here"),
        ({"verifier_name": "prm"}, "there is no verifier 'prm'"),
        ({"method_name": "beam", "verifier_name": "command:true"}, "command:true judges only finished solutions"),
        ({"budget": Budget(16, shared=True)}, "16/problem is an average, and here is one problem"),
        ({"command_timeout": 0.0}, "--command-timeout must be a positive number"),
        ({"command_timeout": float("nan")}, "--command-timeout must be a positive number"),
        ({"seed": -1}, "--seed must be from 0 to"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_hint(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Settings(**bad)
    assert caught.value.hint


@pytest.mark.parametrize("width", [0, -1, MAX_WIDTH + 1])
def test_the_width_has_its_limits(width: int) -> None:
    assert Machine(width=1).width == 1
    assert Machine(width=MAX_WIDTH).width == MAX_WIDTH
    with pytest.raises(UsageError, match="--width must be from 1 to 240"):
        Machine(width=width)


def test_threads_and_tokens_are_one_at_least() -> None:
    with pytest.raises(UsageError, match="--threads"):
        Machine(threads=0)
    with pytest.raises(UsageError, match="--max-tokens"):
        Settings(max_tokens=0)
