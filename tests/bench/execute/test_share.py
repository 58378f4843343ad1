"""A budget that problems share: never more than there is, a probe for all, and the same whatever comes first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allocate.test_profile import example
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.builder import Made, make_rows
from bench.scripts import CountingPolicy, CountingVerifier, ScriptedRuntime, make_engine, task
from ttcli.allocate.marginal import Gains
from ttcli.answers import majority
from ttcli.bench.execute.runner import Done, Runner
from ttcli.bench.execute.share import AHEAD, Division, worth_of
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.store.config import RunConfig, VerifierConfig
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import PROBE, Task
from ttcli.cost import Budget, Cost
from ttcli.errors import PromptTooLong
from ttcli.events import Outcome
from ttcli.policy.script import Script, ScriptLine
from ttcli.solution import Candidate, Ended
from ttcli.stats.logistic import Logistic

SHARED = task("majority", "12/problem")


def outcome(answers: list[str | None]) -> Outcome:
    candidates = tuple(Candidate(at, "", answer, Ended.STOP, 5, -1.0) for at, answer in enumerate(answers))
    ballot = majority(candidates)
    return Outcome(ballot.leader.answer if ballot.leader else None, ballot, candidates, Cost(), None)


def divide(
    problems: list[list[str | None]], average: int, *, order: random.Random, failing: frozenset[int] = frozenset()
) -> tuple[dict[int, int], list[int]]:
    """Samples of each problem that was settled, and the most that were under way at once after the probes."""
    vote = task("majority", f"{average}/problem")
    division = Division(vote, len(problems), worth_of(vote, None))
    grants = division.grants()
    under_way: list[Any] = []
    settled: dict[int, Any] = {}
    drawn: dict[int, int] = {}
    crowd: list[int] = []
    while True:
        for grant in iter(lambda: next(grants, None), None):
            position, inner = grant
            assert inner.pooled
            under_way.append((position, int(inner.budget.amount)))
        if not under_way:
            break
        if all(amount > min(PROBE, average) for _, amount in under_way):
            crowd.append(sum(amount - drawn.get(position, 0) for position, amount in under_way))
        position, amount = under_way.pop(order.randrange(len(under_way)))
        drawn[position] = amount
        failed = position in failing
        for each, last in division.hear(position, None if failed else outcome(problems[position][:amount])).items():
            assert each not in settled
            settled[each] = len(last.candidates)
    assert set(settled) == set(range(len(problems))) - failing
    assert all(settled[each] == drawn[each] for each in settled)
    assert sum(drawn.values()) <= average * len(problems)
    return settled, crowd


@st.composite
def worlds(draw: st.DrawFn) -> list[list[str | None]]:
    """What problems of several difficulties would answer, one sample after the other."""
    rng = random.Random(draw(st.integers(0, 1000)))
    rates = draw(st.lists(st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]), min_size=1, max_size=6))
    return [["1" if rng.random() < rate else rng.choice(["2", "3", None]) for _ in range(256)] for rate in rates]


@settings(deadline=None, max_examples=40)
@given(worlds(), st.integers(1, 30), st.integers(0, 5))
def test_every_problem_has_its_probe_the_total_holds_and_the_order_of_answers_changes_nothing(
    problems: list[list[str | None]], average: int, seed: int
) -> None:
    settled, crowd = divide(problems, average, order=random.Random(seed))
    assert min(settled.values()) >= min(PROBE, average)
    assert divide(problems, average, order=random.Random(seed + 1))[0] == settled
    assert all(samples <= AHEAD + 64 for samples in crowd)  # the last batch may go beyond


def test_settled_votes_leave_their_share_to_the_others() -> None:
    sure: list[str | None] = ["1"] * 256
    torn: list[str | None] = ["1", "2"] * 128
    settled, _ = divide([sure, sure, sure, torn], 10, order=random.Random(0))
    assert [settled[each] for each in range(3)] == [PROBE] * 3
    assert settled[3] == 40 - 3 * PROBE


def test_a_problem_that_failed_keeps_nobody_waiting() -> None:
    torn: list[str | None] = ["1", "2"] * 128
    settled, _ = divide([torn, torn, torn], 8, order=random.Random(0), failing=frozenset({1}))
    assert set(settled) == {0, 2}
    assert sum(settled.values()) == 24 - PROBE


def test_what_was_learnt_decides_where_it_is_about_the_same_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = Gains(Logistic(0.0, {}), Logistic(1.0, {}))
    learnt = example(verifier="", verifier_hash="", gains=flat)
    torn = outcome(["1", "2", "1", "2", "3", "1"])
    beta = worth_of(SHARED, None)(torn)
    assert beta == pytest.approx((1 - 0.6875) / 6, rel=0.2)
    known = worth_of(SHARED, learnt)(torn)
    assert known == pytest.approx((1 / (1 + np.exp(-1)) - 0.5) / (3 * 6))
    assert worth_of(SHARED, replace(learnt, verifier="head"))(torn) == beta
    assert worth_of(SHARED, replace(learnt, gains=None))(torn) == beta
    assert worth_of(task("majority", "3/problem"), learnt)(torn) == beta  # its probe is too short for difficulty


# -- in a run

ROWS = make_rows(8)


def script() -> Script:
    """The first half of the problems has one answer, the other half many."""
    lines: dict[str, list[ScriptLine]] = {"": [ScriptLine("\\boxed{1}", score=0.5)]}
    for row in ROWS[4:]:
        lines[row.problem.text] = [ScriptLine(f"I say \\boxed{{{answer}}}", score=0.5) for answer in range(5)]
    return Script(lines)


def runtime(width: int = 4) -> ScriptedRuntime:
    return ScriptedRuntime(CountingPolicy(script(), width=width), {"scripted": CountingVerifier(script())})


def config(*tasks: Task) -> RunConfig:
    verifiers = {"scripted": VerifierConfig("scripted", 3)}
    return replace(Made(ROWS).config, tasks=tasks, verifiers=verifiers, baseline=tasks[0].name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.sqlite3") as opened:
        yield opened


def drawn(store: Store, run: Run, vote: Task) -> list[float]:
    return [each.settled[vote.key].spending.generations for each in load_figures(store, run)]


@pytest.mark.parametrize("vote", [SHARED, task("best-of-n", "12/problem", "scripted")])
def test_a_run_gives_more_to_those_that_are_not_settled(store: Store, vote: Task) -> None:
    run = store.begin(config(vote), ROWS)
    used = runtime()
    told = list(Runner(store, run).go(make_engine(used)))
    assert sorted(each.figures.position for each in told if isinstance(each, Done)) == list(range(8))
    samples = drawn(store, run, vote)
    assert samples[:4] == [PROBE] * 4
    assert min(samples[4:]) > 12
    assert sum(samples) <= 12 * 8
    assert len(used.policy.asked) == sum(samples)  # nothing is drawn twice
    assert not used.policy.live


def test_the_division_does_not_hang_on_the_width(tmp_path: Path) -> None:
    found = []
    for width in (1, 3, 16):
        with Store(tmp_path / f"{width}.sqlite3") as store:
            run = store.begin(config(SHARED), ROWS)
            list(Runner(store, run).go(make_engine(runtime(width))))
            found.append(drawn(store, run, SHARED))
    assert found[0] == found[1] == found[2]


def test_a_run_that_was_broken_off_comes_to_the_same(store: Store, tmp_path: Path) -> None:
    run = store.begin(config(SHARED, task("adaptive", "4")), ROWS)
    first = runtime()
    for number, _ in enumerate(Runner(store, run).go(make_engine(first))):
        if number == 400:
            first.interrupt.request()
    assert any(SHARED.key not in each.settled for each in load_figures(store, run))
    second = runtime()
    list(Runner(store, run).go(make_engine(second)))
    with Store(tmp_path / "whole.sqlite3") as whole:
        other = whole.begin(config(SHARED, task("adaptive", "4")), ROWS)
        at_once = runtime()
        list(Runner(whole, other).go(make_engine(at_once)))
        assert drawn(store, run, SHARED) == drawn(whole, other, SHARED)
    third = runtime()
    assert [each.now for each in Runner(store, run).go(make_engine(third)) if isinstance(each, Done)] == [False] * 8
    assert not third.policy.asked


def test_a_problem_that_fails_is_wrong_and_the_others_go_on(store: Store) -> None:
    run = store.begin(config(SHARED), ROWS)
    used = runtime()
    used.policy.fail = lambda problem: PromptTooLong("too long") if problem.id == "6" else None
    list(Runner(store, run).go(make_engine(used)))
    figures = load_figures(store, run)
    assert figures[5].failed == {SHARED.key: "too long"}
    assert all(SHARED.key in each.settled for each in figures if each.position != 5)


def test_a_budget_below_the_probe_is_the_same_for_all(store: Store) -> None:
    small = task("majority", "2/problem")
    run = store.begin(config(small), ROWS)
    list(Runner(store, run).go(make_engine(runtime())))
    assert drawn(store, run, small) == [2.0] * 8


def test_both_kinds_of_budget_are_figures_of_their_own(store: Store) -> None:
    fixed = task("majority", "12")
    run = store.begin(config(fixed, SHARED), ROWS)
    list(Runner(store, run).go(make_engine(runtime())))
    figures = load_figures(store, run)
    assert (SHARED.name, SHARED.key) == ("majority, shared", "majority@12/problem")
    assert all(each.figure(fixed) and each.figure(SHARED) for each in figures)
    assert all(figure.spending.generations == 12 for each in figures if (figure := each.figure(fixed)))
    assert Budget.parse("12/problem") == SHARED.budget
