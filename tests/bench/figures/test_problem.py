from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.builder import Made, make_rows, make_run, records
from ttcli.answers import CHECKER, Checker, is_correct, layer, majority
from ttcli.answers.vote import best, weighted
from ttcli.bench.figures.problem import Figure, ProblemFigures, Spending, load_figures
from ttcli.bench.store.database import Database
from ttcli.bench.store.sample import Sample
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Failed, Finished, News, Task
from ttcli.cost import Budget
from ttcli.data.dataset import Row
from ttcli.problem import Problem
from ttcli.search.best_of_n import scored_by
from ttcli.solution import Candidate, Ended, Prefix

VERIFIERS = ("confidence", "judge")
METHODS = [("majority", ""), ("best-of-n", "confidence"), ("best-of-n", "judge")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


def figures_of(path: Path, run: Run) -> list[ProblemFigures]:
    with Store(path, readonly=True) as store:
        return load_figures(store, run)


def drop(path: Path, where: str) -> None:
    with Store(path) as store, store._database.write() as db:
        db.execute(f"DELETE FROM sample WHERE {where}")


def candidates(path: Path, run: Run, row: Row, verifier: str) -> list[Candidate]:
    """The samples of a problem as they take part in a vote."""
    with Store(path, readonly=True) as store:
        keys = {name: each.key for name, each in run.config.verifiers.items()}
        samples, ratings = store.samples(run.config).of(row.problem.text, keys)
    scores = {each.sample: each.scores for each in ratings if each.verifier == verifier}
    found = []
    for each in sorted(samples, key=lambda each: each.key):
        opinion = scores.get(each.key)
        score = opinion.score if opinion else None
        logprob = each.on(Prefix(row.problem, 0)).logprob  # which breaks ties
        found.append(Candidate(each.key.number, "", each.answer, each.ended, each.tokens, logprob, score))
    return found


def vote(method: str, drawn: Sequence[Candidate], reference: str) -> bool:
    count = {"majority": majority, "best-of-n": scored_by(weighted), "best-of-n-plain": scored_by(best)}[method]
    leader = count(drawn).leader
    return is_correct(leader.answer if leader else None, reference)


@pytest.mark.parametrize(("method", "verifier"), [*METHODS, ("best-of-n-plain", "judge")])
def test_figures_from_the_store_equal_a_direct_vote(path: Path, method: str, verifier: str) -> None:
    run = make_run(path, 12, verifiers=VERIFIERS, samples=7)
    for figures in figures_of(path, run):
        drawn = candidates(path, run, figures.row, verifier)
        reference = figures.row.problem.answer or ""
        for n in range(1, 8):
            figure = figures.figure(Task(method, verifier, Budget(n)))
            assert figure is not None
            assert figure.right == vote(method, drawn[:n], reference)
            mean = np.mean([vote(method, subset, reference) for subset in itertools.combinations(drawn, n)])
            assert math.isclose(figure.accuracy, mean)


def test_more_samples_than_there_are_give_no_figure(path: Path) -> None:
    run = make_run(path, 2, samples=4)
    for figures in figures_of(path, run):
        assert figures.figure(Task("majority", "", Budget(5))) is None


def test_a_gap_in_the_numbers_of_samples_is_where_they_end(path: Path) -> None:
    run = make_run(path, 3, samples=8)
    drop(path, f"number = 5 AND problem = (SELECT problem FROM item WHERE run = '{run.id}' AND position = 1)")
    first, cut, _ = figures_of(path, run)
    assert [each.number for each in first.facts] == list(range(8))
    assert [each.number for each in cut.facts] == list(range(5))
    assert cut.figure(Task("majority", "", Budget(5))) is not None
    assert cut.figure(Task("majority", "", Budget(6))) is None


def test_a_problem_without_its_first_sample_has_none(path: Path) -> None:
    run = make_run(path, 1)
    drop(path, "number = 0")
    (figures,) = figures_of(path, run)
    assert (figures.facts, figures.samples) == ((), None)
    assert figures.figure(Task("majority", "", Budget(1))) is None


def test_samples_beyond_those_of_the_run_do_not_count(path: Path) -> None:
    small = make_run(path, 3, samples=4)
    alone = [each.figure(small.config.tasks[0]) for each in figures_of(path, small)]
    make_run(path, 3, samples=8)
    make_run(path, 3, samples=8, seed=1)
    together = figures_of(path, small)
    assert [len(each.facts) for each in together] == [4, 4, 4]
    assert [each.figure(small.config.tasks[0]) for each in together] == alone


def test_one_problem_alone_has_the_figures_it_has_among_all(path: Path) -> None:
    run = make_run(path, 5, others=("adaptive",), failed=(2,))
    whole = figures_of(path, run)
    with Store(path, readonly=True) as store:
        for position in range(5):
            (one,) = load_figures(store, run, position=position)
            assert one.position == position
            assert [one.figure(task) for task in run.config.tasks] == [
                whole[position].figure(task) for task in run.config.tasks
            ]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each reading of a store gives from now on."""
    read = Database.read
    rows: list[int] = []

    def count(database: Database, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found = read(database, query, values)
        rows.append(len(found))
        return found

    monkeypatch.setattr(Database, "read", count)
    return rows


def test_what_one_problem_came_to_is_read_without_reading_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = counted(monkeypatch)
    counts = []
    for problems in (5, 50):
        run = make_run(path, problems)
        with Store(path, readonly=True) as store:
            rows.clear()
            load_figures(store, run, position=3)
            counts.append(sum(rows))
    assert counts[0] == counts[1]


def test_costs_are_those_of_so_many_samples_in_the_mean(path: Path) -> None:
    run = make_run(path, 1)
    (figures,) = figures_of(path, run)
    facts = figures.facts
    spending = figures.spending(8, "confidence")
    rated = sum(each.answer is not None for each in facts)
    assert spending == Spending(
        generations=8,
        prompt_tokens=60,
        policy_tokens=sum(each.tokens for each in facts),
        verifier_tokens=30 * rated,
        shared_tokens=7 * 60,
        flops=2 * 500_000_000 * (60 + sum(each.tokens for each in facts)),
        seconds=pytest.approx(sum(each.seconds for each in facts) + 0.05 * rated),  # type: ignore[arg-type]
    )
    two = figures.spending(2)
    assert (two.generations, two.prompt_tokens, two.shared_tokens, two.verifier_tokens) == (2, 60, 60, 0)
    assert two.policy_tokens == sum(each.tokens for each in facts) / 4
    assert two.tokens == 60 + two.policy_tokens


def test_a_vote_waits_for_the_ratings_of_samples_with_an_answer(path: Path) -> None:
    run = make_run(path, 8, skill=0.2)
    task = run.config.tasks[1]
    with Store(path) as store, store._database.write() as db:
        db.execute("DELETE FROM rating WHERE sample IN (SELECT id FROM sample WHERE number = 6)")
    for figures in figures_of(path, run):
        silent = figures.facts[6].answer is None
        assert (figures.figure(task) is not None) == silent
        assert figures.figure(task._replace(budget=Budget(6))) is not None


def test_a_failure_while_many_were_drawn_leaves_the_figures_of_fewer(path: Path) -> None:
    run = make_run(path, 3, samples=8, failed=(1,))
    _, failed, _ = figures_of(path, run)
    assert len(failed.facts) == 4
    four = failed.figure(Task("majority", "", Budget(4)))
    assert four is not None
    assert four.spending.generations == 4
    assert failed.figure(Task("majority", "", Budget(8))) == Figure(0.0, False, Spending())


def test_a_verifier_that_failed_does_not_fail_a_majority(path: Path) -> None:
    made = Made(make_rows(1), verifiers=VERIFIERS)
    run = make_run(path, 1, verifiers=VERIFIERS)
    majority_task, first, second = run.config.tasks
    with Store(path) as store:
        store.write(run, made.rows[0].problem, Failed(0, second, "gone"))
        with store._database.write() as db:
            db.execute("DELETE FROM rating WHERE verifier = ?", (run.config.verifiers["judge"].key,))
        (figures,) = load_figures(store, run)
    whole = [figures.figure(task) for task in (majority_task, first)]
    assert all(figure and figure.spending.generations == 8 for figure in whole)
    assert figures.figure(second) == Figure(0.0, False, Spending())


def test_a_verifier_that_failed_does_not_fail_another_that_has_not_scored_yet(path: Path) -> None:
    run = make_run(path, 1, verifiers=VERIFIERS)
    _, first, second = run.config.tasks
    with Store(path) as store:
        store.write(run, store.rows(run)[0].problem, Failed(0, second, "gone"))
        with store._database.write() as db:
            db.execute("DELETE FROM rating")
        (figures,) = load_figures(store, run)
    assert figures.figure(first) is None
    assert figures.figure(second) == Figure(0.0, False, Spending())


def test_a_method_that_is_no_vote_has_the_outcome_that_was_kept(path: Path) -> None:
    run = make_run(path, 8, others=("adaptive", "greedy"))
    with Store(path, readonly=True) as store:
        outcomes = {(each.position, each.task): each.outcome for each in store.results(run)}
    for figures in figures_of(path, run):
        for task in run.config.tasks[2:]:
            figure = figures.figure(task)
            assert figure is not None
            assert figure.accuracy in (0.0, 1.0)
            assert figure.right == bool(figure.accuracy)
            assert f'"policy_tokens": {figure.spending.policy_tokens:.0f},' in (
                outcomes[figures.position, task.key] or ""
            )


def test_an_unfinished_method_has_no_figure(path: Path) -> None:
    run = make_run(path, 2, undone=(1,), others=("adaptive",))
    _, undone = figures_of(path, run)
    assert [undone.figure(task) for task in run.config.tasks] == [None] * 3


# -- answers that take mathematics to compare

ODD = ["x+1", "1+x", "x+2"]
ROW = Row(Problem("Add one to x.", "1", "x + 1 + 0"), 1, None, None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the shared checker is asked: it knows nothing, and two answers are the same if both have a 2 or none has."""
    questions: list[tuple[str, str]] = []

    def ask(_self: Checker, a: str, b: str) -> bool:
        questions.append((a, b))
        return ("2" in a) == ("2" in b)

    monkeypatch.setattr(Checker, "_ask", ask)
    monkeypatch.setattr(CHECKER, "_memo", {})
    return questions


def odd_run(store: Store, others: Sequence[str] = ()) -> Run:
    """A run whose answers are no plain numbers."""
    made = Made([ROW], verifiers=(), others=others)
    run = store.begin(made.config, [ROW])
    for record in records(made):
        if isinstance(record, Finished) and not record.task.pooled:
            record = record._replace(outcome=replace(record.outcome, answer="1+1+x"))  # no sample has it
        if isinstance(record, News) and isinstance(record.item, Sample):
            answer = ODD[record.item.key.number % 3]
            record = record._replace(item=replace(record.item, answer=answer))
        store.write(run, ROW.problem, record)
    return run


def test_verdicts_are_kept_in_the_store_and_not_asked_for_again(
    path: Path, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        run = odd_run(store)
        (figures,) = load_figures(store, run)
        assert figures.samples is not None
        assert figures.samples.correct.tolist() == [True, True, False, True, True, False, True, True]
        assert asked
        assert store.verdicts.all(layer()) == CHECKER.verdicts
    asked.clear()
    monkeypatch.setattr(CHECKER, "_memo", {})
    figures_of(path, run)
    assert asked == []


def test_of_one_problem_its_own_verdicts_are_read_alone(
    path: Path, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path) as store:
        run = odd_run(store, others=("adaptive",))
        whole = load_figures(store, run)
        own = CHECKER.verdicts
        assert any("1+1+x" in pair for pair in own)
    rows = counted(monkeypatch)
    counts = []
    for strangers in (0, 100):
        asked.clear()
        monkeypatch.setattr(CHECKER, "_memo", {})
        with Store(path) as store:
            store.verdicts.add({(f"y+{number}", "z"): False for number in range(strangers)}, layer())
            rows.clear()
            found = load_figures(store, run, position=0)
            counts.append(sum(rows))
        assert asked == []
        assert [each.settled for each in found] == [each.settled for each in whole]
        assert CHECKER.verdicts == own
    assert counts[0] == counts[1]


def test_verdicts_of_the_votes_on_the_way_are_kept_too(path: Path, asked: list[tuple[str, str]]) -> None:
    majority([Candidate(number, "", answer, Ended.STOP, 1, 0.0) for number, answer in enumerate(ODD)])
    on_the_way = CHECKER.verdicts
    assert on_the_way
    with Store(path) as store:
        load_figures(store, odd_run(store))
        assert store.verdicts.all(layer()).items() >= on_the_way.items()


def test_a_store_opened_to_read_takes_no_verdicts(path: Path, asked: list[tuple[str, str]]) -> None:
    with Store(path) as store:
        run = odd_run(store)
    figures_of(path, run)
    assert asked
    with Store(path) as store:
        assert store.verdicts.all(layer()) == {}


def test_what_rating_some_of_the_samples_cost_is_counted_for_as_many(path: Path) -> None:
    run = make_run(path, 1)
    with Store(path) as store, store._database.write() as db:
        db.execute("DELETE FROM rating WHERE sample IN (SELECT id FROM sample WHERE number >= 4)")
    (figures,) = figures_of(path, run)
    rated = figures.ratings["confidence"]
    assert rated.complete == 4
    answered = sum(each.answer is not None for each in figures.facts[:4])
    two, plain = figures.spending(2, "confidence"), figures.spending(2)
    assert two.verifier_tokens == pytest.approx(30 * answered / 2)
    assert two.seconds - plain.seconds == pytest.approx(0.05 * answered / 2)
    assert rated.samples is not None
    assert len(rated.samples) == 4  # what has no score takes no part in the mean over draws either
    assert figures.figure(run.config.tasks[1]._replace(budget=Budget(4))) is not None
