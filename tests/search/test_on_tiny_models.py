"""Every method and verifier on models whose texts can be forked at their tips only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tiny_models import HYBRID, RECURRENT
from verifier.heads import random_head

from search.runs import outcome_of
from ttcli.catalog.forms import CritiqueForm, PrmForm
from ttcli.cost import Budget, Meter
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.events import Event, Outcome
from ttcli.policy.local.context import Context
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Verifier
from ttcli.search.method import Method
from ttcli.search.methods import METHODS, parse_method
from ttcli.solution import Prefix, Step
from ttcli.verifier import critique, reader
from ttcli.verifier.confidence import Confidence
from ttcli.verifier.critique import Critic
from ttcli.verifier.form import StepTag, StepTurn
from ttcli.verifier.head_verifier import HeadVerifier
from ttcli.verifier.judge import Judge
from ttcli.verifier.prm import Prm

TIPS = (*HYBRID, *RECURRENT)
PROBLEM = Problem("What is 7 + 5?")
LAYER = 1  # that the head reads
TOKENS = 14
PRESSURE = 5  # sequences, where a search would like some 40

MakePolicy = Callable[..., LocalPolicy]


@pytest.fixture
def make_policy(tiny_model: Callable[[str], Model]) -> Iterator[MakePolicy]:
    with ExitStack() as stack:

        def make(architecture: str, separator: str = "\n\n", cells: int | None = None) -> LocalPolicy:
            policy = LocalPolicy(
                tiny_model(architecture),
                name="tiny",
                prompt=Prompt(system="", instruction="", step_separator=separator, revise="Again."),
                sampling=SamplingParams(),
                max_tokens=TOKENS,
                width=4,
                cells=cells,
                beams=8,
                attempts=4,
                observe=(LAYER,),
                threads=1,
            )
            stack.callback(policy.close)
            return policy

        yield make


def separator_of(make_policy: MakePolicy, architecture: str) -> str:
    """A character that the texts of a model are full of, to end steps with."""
    policy = make_policy(architecture)
    requests = [Extend(policy.start(PROBLEM), (0, number)) for number in range(8)]
    drawn = [each for batch in policy.extend(requests) for each in batch if isinstance(each, Extension)]
    [(character, _)] = Counter("".join(each.prefix.text[2:-2] for each in drawn)).most_common(1)
    return character


def solve(policy: LocalPolicy, method: Method, verifier: Verifier, budget: Budget) -> Outcome:
    """Run a method, and look at what it leaves."""
    meter = Meter(budget, max_tokens=TOKENS)
    session, events = None, list[Event]()
    for event in method.run(PROBLEM, policy, verifier, meter, seed=0):
        session = session or policy.scheduler.session
        events.append(event)
    assert session is not None
    assert (session.cells_used, session.sequences_free) == (0, session.sequences)
    assert not policy.scheduler.busy
    assert not policy.scheduler._idle
    assert not policy._plain.branches
    assert not policy._plain.finished
    return outcome_of(events)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("architecture", TIPS)
def test_a_method_finds_the_same_at_any_pressure_and_leaves_nothing(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch, architecture: str, name: str
) -> None:
    separator = separator_of(make_policy, architecture)
    method = parse_method(f"{name}:k=1" if name == "lookahead" else name)
    roomy = make_policy(architecture, separator)
    free = solve(roomy, method, Confidence(), Budget(8))
    assert roomy.scheduler.again == 0
    if method.stepwise:
        assert any(node.parent for node in free.tree)  # steps on steps
    for sequences in (PRESSURE, 3):
        monkeypatch.setattr(Context, "_fitting", lambda self, wanted, space, most=sequences: most)
        tight = make_policy(architecture, separator, cells=512)
        pressed = solve(tight, method, Confidence(), Budget(8))
        assert [each.text for each in pressed.candidates] == [each.text for each in free.candidates]
        assert pressed.cost.policy_tokens == free.cost.policy_tokens
        assert tight.scheduler.session.sequences == sequences
        if method.stepwise:
            assert tight.scheduler.again > 0


def verifier_of(kind: str, policy: LocalPolicy, *, carried: bool = True) -> Verifier:
    model = policy.model
    match kind:
        case "head":
            head = random_head(model.width, layer=LAYER)
            return HeadVerifier(head, "head", model, policy.encode, carried=carried, threads=1)
        case "judge":
            return Judge(model, threads=1)
        case "critique":
            words = CritiqueForm("critique-steps", "{problem} {step}", "", (), "So? ", "yes", "no", tokens=6)
            return Critic(model, words, threads=1)
        case _:
            tagged, turns = PrmForm("step-tag", "+", "-", "#"), PrmForm("step-turn", "+", "-")
            return Prm(model, StepTag(model, tagged) if kind == "step-tag" else StepTurn(model, turns))


@pytest.mark.parametrize("kind", ["head", "step-tag", "step-turn", "judge", "critique"])
@pytest.mark.parametrize("architecture", TIPS)
def test_a_search_is_led_by_every_verifier(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch, architecture: str, kind: str
) -> None:
    separator = separator_of(make_policy, architecture)
    outcomes = []
    for sequences in (64, 4):
        monkeypatch.setattr(reader, "_SEQUENCES", sequences)
        monkeypatch.setattr(critique, "_WIDTH", sequences // 4)
        policy = make_policy(architecture, separator)
        verifier = verifier_of(kind, policy)
        outcomes.append(solve(policy, parse_method("beam"), verifier, Budget(8)))
        verifier.close()
    free, pressed = outcomes
    assert [each.text for each in pressed.candidates] == [each.text for each in free.candidates]
    scores = [[node.score for node in each.tree if node.score is not None] for each in outcomes]
    assert len(set(scores[0])) > 3
    assert scores[1] == pytest.approx(scores[0], abs=0.01)
    assert free.cost.verifier_tokens <= pressed.cost.verifier_tokens


STEPS = ("Seven and five ", "make twelve. ", "So it is 12.")


@pytest.mark.parametrize("kind", ["head", "step-tag", "step-turn", "judge"])
@pytest.mark.parametrize("architecture", TIPS)
def test_a_solution_that_grows_is_scored_as_one_read_at_once(
    make_policy: MakePolicy, architecture: str, kind: str
) -> None:
    policy = make_policy(architecture)

    def prefix(*steps: str) -> Prefix:
        return Prefix(PROBLEM, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))

    growing = verifier_of(kind, policy, carried=False)
    for end in (1, 2, 3):  # others beside it, from the same beginning
        others = [prefix(*STEPS[: end - 1], f"{number} is what ") for number in range(3)]
        scores = growing.score([others[0], prefix(*STEPS[:end]), *others[1:]])
    at_once = verifier_of(kind, policy, carried=False)
    [whole] = at_once.score([prefix(*STEPS)])
    assert scores[1].score == pytest.approx(whole.score, abs=0.01)
    assert scores[1].steps == pytest.approx(whole.steps, abs=0.01)
    growing.close()
    at_once.close()
