"""The searches on the laboratory's policy: what they hold of the engine, and what they give back."""

from __future__ import annotations

from itertools import groupby

import pytest

from search.runs import of, outcome_of
from search.test_tree_properties import SEARCHES
from search.trees import check_tree
from ttcli.bench.execute.work import Engine
from ttcli.bench.store.task import Happened, Task, Work
from ttcli.cost import Budget, Meter, Unit
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.events import Event, RunFinished, StepsSelected
from ttcli.interrupt import Interrupt
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.runtime.runtime import Runtime
from ttcli.runtime.settings import Settings
from ttcli.search.methods import parse_method
from ttcli.verifier.confidence import Confidence

SUM = Problem("(6+12)*3*8+5+7")
PROMPT = Prompt(step_separator="=")  # there is one in each line
TOKENS = 24


def policy_of(model: Model, *, width: int = 4) -> LocalPolicy:
    return LocalPolicy(
        model, name="lab", prompt=PROMPT, sampling=SamplingParams(), max_tokens=TOKENS, width=width, beams=8
    )


def events_of(policy: LocalPolicy, method: str, budget: Budget) -> list[Event]:
    meter = Meter(budget, max_tokens=TOKENS)
    return [*parse_method(method).run(SUM, policy, Confidence(), meter, seed=0)]


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_counts_each_token_once_and_leaves_the_context_as_it_found_it(lab_model: Model, method: str) -> None:
    policy = policy_of(lab_model)
    events: list[Event] = []
    session = None
    for event in parse_method(method).run(SUM, policy, Confidence(), Meter(Budget(8), max_tokens=TOKENS), seed=0):
        session = session or policy.scheduler.session
        if isinstance(event, StepsSelected):
            kept = len(set(event.kept))
            assert len(policy._plain.branches) <= kept * (2 if method == "lookahead" else 1)
        if isinstance(event, RunFinished):
            assert not policy._plain.branches
        events.append(event)
    check_tree(events)
    outcome = outcome_of(events)
    assert outcome.cost.policy_tokens == sum(node.tokens for node in outcome.tree) > 0
    assert len(of(StepsSelected, events)) > 1
    assert session is not None
    # a token is decoded when another follows it, and never twice: what has grown fits beside the prompt
    assert session.decoded <= outcome.cost.prompt_tokens + outcome.cost.policy_tokens
    assert policy.scheduler.again == 0
    assert not policy.scheduler.busy
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    policy.close()


def test_searches_of_many_problems_leave_each_other_their_cells(lab_model: Model) -> None:
    policy = policy_of(lab_model, width=8)
    runtime = Runtime(Settings(), policy, {"confidence": Confidence()}, Interrupt(), lambda _: "")
    problems = [Problem(f"({number}+12)*3*8+5+7", str(number)) for number in range(2, 14)]
    works = [Work(at, problem, (Task("beam", "confidence", Budget(8)),)) for at, problem in enumerate(problems)]
    engine = Engine(runtime, seed=0, temperature=0.8, max_tokens=TOKENS)
    engine.expect(problems)
    turns = [record.position for record in engine.run(works) if isinstance(record, Happened)]
    assert len([*groupby(turns)]) > 2 * len(works)  # they take turns
    assert policy.scheduler.again == 0
    policy.close()


@pytest.mark.parametrize("method", ["beam:n=8", "lookahead:n=4,k=2"])
def test_a_budget_of_tokens_is_kept_to_the_last_one(lab_model: Model, method: str) -> None:
    policy = policy_of(lab_model)
    whole = outcome_of(events_of(policy, method, Budget(10**6, Unit.TOKENS)))
    for amount in (whole.cost.tokens - 7, whole.cost.prompt_tokens + 3):
        outcome = outcome_of(events_of(policy, method, Budget(amount, Unit.TOKENS)))
        assert outcome.cost.tokens <= amount
        assert outcome.stopped is not None or outcome.candidates  # or it began no more than it could end
        session = policy.scheduler.session
        assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    policy.close()
