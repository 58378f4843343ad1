"""A policy whose rows are cut down where they are computed draws the same steps, lookahead and thoughts' certainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension
from ttcli.solution import Prefix

PLAIN = Prompt(system="", instruction="", step_separator="\n\n")


def extended(policy: LocalPolicy, prefixes: Sequence[Prefix], seed: int, **options: object) -> list[Prefix]:
    requests = [Extend(prefix, (seed, n), **options) for n, prefix in enumerate(prefixes)]  # type: ignore[arg-type]
    found = [event for events in policy.extend(requests) for event in events if isinstance(event, Extension)]
    return [extension.prefix for extension in sorted(found, key=lambda extension: extension.request)]


def search(policy: LocalPolicy) -> list[list[tuple[str, float, list[float]]]]:
    """Two rounds of steps, forks of the first two, and a greedy look ahead: text, log-probability, certainty."""
    root = policy.start(Problem("((2+14-6+8-1)*8+1)*4"))
    first = extended(policy, [root] * 4, 0, until="step")
    second = extended(policy, [prefix for prefix in first[:2] for _ in range(2)], 1, until="step", top_p=0.8)
    ahead = extended(policy, second[:1], 2, until="step", temperature=0.0)
    return [
        [(step.text, step.logprob or 0.0, list(step.certainty)) for step in prefix.steps]
        for prefix in (*first, *second, *ahead)
    ]


def test_a_search_is_the_same_where_only_the_largest_logits_are_left(
    lab_model: Model, policy_on: Callable[..., LocalPolicy], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for picked in (False, True):
        monkeypatch.setattr(lab_model, "backend_sampling", picked)
        policy = policy_on(lab_model, prompt=PLAIN, max_tokens=200, beams=4, traced=True)
        found.append(search(policy))
        assert policy.scheduler.session.top == (48 if picked else 0)
    whole, cut = found
    assert max(len(steps) for steps in whole) == 3
    assert [[step[0] for step in steps] for steps in cut] == [[step[0] for step in steps] for steps in whole]
    for steps, expected in zip(cut, whole, strict=True):
        for (_, logprob, certainty), (_, logprob_expected, certainty_expected) in zip(steps, expected, strict=True):
            assert logprob == pytest.approx(logprob_expected, abs=1e-4)
            assert certainty == pytest.approx(certainty_expected, abs=1e-4)


def test_without_top_k_whole_rows_are_read(
    tiny_model: Callable[[str], Model], policy_on: Callable[..., LocalPolicy], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(model, "backend_sampling", True)
    policy = policy_on(model, prompt=PLAIN, max_tokens=8, sampling=SamplingParams(top_k=0, min_p=0.1))
    [prefix] = extended(policy, [policy.start(Problem("Hm?"))], 0, until="answer")
    assert policy.scheduler.session.top == 0
    assert prefix.tokens
