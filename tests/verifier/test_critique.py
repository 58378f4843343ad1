"""Critiques written by tiny models, whose words mean nothing: what counts is which tokens verdicts are read behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ttcli.catalog.forms import CritiqueForm
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate, Span, tokenize
from ttcli.errors import ModelError, PromptTooLong
from ttcli.problem import Problem
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Prefix, Step
from ttcli.verifier import critique as module
from ttcli.verifier.critique import Critic

PROBLEM = Problem("What is 7 + {step}?")  # with a brace word that is not ours
STEPS = ("Seven and five ", "Step 2: make twelve. ", "So it is 12.")
WHOLE = CritiqueForm(
    form="critique",
    ask="P: {problem}\nS: {solution}\nJudge \\boxed{it}.",
    begin="\nLet's see:",
    stops=("zz",),
    verdict="\nCorrect? ",
    good="yes",
    bad="no",
)
STEPWISE = CritiqueForm(
    form="critique-steps",
    ask="{problem}\n\n{step}",
    ask_next="{step}",
    begin="<analyze>{number}:",
    stops=(),
    verdict="</analyze>\n\\boxed{",
    close="}",
    system="You check.",
    good="Yes",
    bad="No",
)
HOT = 1.5
TOKENS = 12
ARCHITECTURES = ("llama", "qwen35", "lfm2")
MakeCritic = Callable[..., Critic]


def prefix(*steps: str, problem: Problem = PROBLEM) -> Prefix:
    return Prefix(problem, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))


@pytest.fixture
def make(tiny_model: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCritic]:
    monkeypatch.setattr(module, "_LONGER", 3)  # bytes at random are told as a character of three bytes each
    with ExitStack() as stack:

        def make(words: CritiqueForm, architecture: str = "llama", **options: object) -> Critic:
            own: dict[str, Any] = {"tokens": TOKENS, "temperature": HOT, "chains": 1}
            own |= {name: options.pop(name) for name in own if name in options}
            critic = Critic(tiny_model(architecture), replace(words, **own), threads=1, **options)  # type: ignore[arg-type]
            stack.callback(critic.close)
            return critic

        yield make


def verdict(model: Model, chat: Sequence[dict[str, str]], turn: str, words: CritiqueForm) -> float:
    """P(yes) behind a turn of the assistant, by a prefill of its own."""
    spans = [*ChatTemplate(model).render(chat), Span(turn, trusted=True)]
    branch = Branch(None, tokenize(model, spans))
    session = Session(model, cells=2048, width=1, flash_attention=False, threads=1)
    try:
        session.attach(branch)
        while branch.pending > session.batch:
            session.decode([Piece(branch, session.batch, False)])
        row = session.decode([Piece(branch, branch.pending, True)])[0].astype(np.float64)
    finally:
        session.close()
    (yes,), (no,) = (model.tokenize(word, special=False) for word in ("Yes", "No"))
    return float(1 / (1 + np.exp(row[no] - row[yes])))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_whole_solution_is_scored_behind_its_critique(
    make: MakeCritic, tiny_model: Callable[[str], Model], architecture: str
) -> None:
    critic = make(WHOLE, architecture, chains=2)
    (opinion,) = critic.score([prefix(*STEPS)])
    asked = (
        "P: What is 7 + {step}?\nS: Step 1: Seven and five\nStep 2: make twelve.\nStep 3: So it is 12.\n"
        "Judge \\boxed{it}."
    )
    chat = [{"role": "user", "content": asked}]
    turns = [known.turn.removesuffix("yes").removesuffix("no") for known in critic._known[PROBLEM].values()]
    assert len(set(turns)) == 2  # each chain draws its own
    assert all(turn.startswith("\nLet's see:") and turn.endswith("\nCorrect? ") for turn in turns)
    expected = [verdict(tiny_model(architecture), chat, turn, WHOLE) for turn in turns]
    assert opinion.score == pytest.approx(np.mean(expected), abs=0.02)
    assert opinion.steps == ()
    assert opinion.tokens > 2 * TOKENS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_steps_are_scored_in_turns_that_hold_the_critiques_before_them(
    make: MakeCritic, tiny_model: Callable[[str], Model], architecture: str
) -> None:
    critic = make(STEPWISE, architecture)
    (opinion,) = critic.score([prefix(*STEPS)])
    known = list(critic._known[PROBLEM].values())
    assert opinion.steps == pytest.approx([each.score for each in known])
    assert opinion.score == min(opinion.steps)
    chat = [{"role": "system", "content": "You check."}]
    for number, (step, each) in enumerate(zip(STEPS, known, strict=True), 1):
        ask = f"{PROBLEM.text}\n\n{step.strip()}" if number == 1 else step.strip()
        chat.append({"role": "user", "content": ask})
        turn = each.turn.removesuffix("}").removesuffix("Yes").removesuffix("No")
        assert turn.startswith(f"<analyze>{number}:")
        assert turn.endswith("</analyze>\n\\boxed{")
        expected = verdict(tiny_model(architecture), chat, turn, STEPWISE)
        assert opinion.steps[number - 1] == pytest.approx(expected, abs=0.02)
        chat.append({"role": "assistant", "content": each.turn})


def test_what_was_judged_is_not_written_again(make: MakeCritic) -> None:
    critic = make(STEPWISE)
    (first,) = critic.score([prefix(*STEPS[:2])])
    (more, twin) = critic.score([prefix(*STEPS), prefix(*STEPS)])
    assert more.steps[:2] == first.steps
    assert (twin.score, twin.tokens) == (more.score, 0)
    assert critic.price([prefix(*STEPS)]) == 0
    assert critic.score([prefix(*STEPS[:1])])[0].tokens == 0
    critic.release([prefix(*STEPS)])
    assert critic.price([prefix(*STEPS)]) == 0  # a beam that is pruned costs nothing to remember
    critic.release([Prefix(PROBLEM, 0)])
    assert critic.price([prefix(*STEPS)]) > 0


@pytest.mark.parametrize("words", [WHOLE, STEPWISE], ids=["whole", "steps"])
def test_no_more_is_decoded_than_the_price(make: MakeCritic, words: CritiqueForm) -> None:
    critic = make(words, chains=2)
    cases = [prefix(*STEPS), prefix(*STEPS[:2], "No."), prefix(STEPS[0])]
    price = critic.price(cases)
    assert 0 < sum(opinion.tokens for opinion in critic.score(cases)) <= price


def test_verdicts_do_not_depend_on_what_is_written_beside_them(make: MakeCritic) -> None:
    cases = [prefix(*STEPS), prefix(STEPS[0], "It is 13."), prefix("I give up.")]
    together = make(WHOLE).score(cases)
    for case, opinion in zip(cases, together, strict=True):
        (alone,) = make(WHOLE).score([case])
        assert alone.score == pytest.approx(opinion.score, abs=0.02)


def test_a_critique_ends_where_the_form_says(make: MakeCritic) -> None:
    free = make(WHOLE)
    free.score([prefix(*STEPS)])
    [known] = free._known[PROBLEM].values()
    text = known.turn.removeprefix(WHOLE.begin).partition(WHOLE.verdict)[0]
    stop = text[2:4]
    critic = make(replace(WHOLE, stops=(stop, "Step {next}:")))
    critic.score([prefix(*STEPS)])
    [cut] = critic._known[PROBLEM].values()
    kept = cut.turn.removeprefix(WHOLE.begin).partition(WHOLE.verdict)[0]
    assert kept == text[: text.index(stop)]
    assert critic._prompt.stops(next(iter(critic._known[PROBLEM])))[1] == "Step 4:"


def test_a_prefix_without_steps_has_nothing_against_it(make: MakeCritic) -> None:
    assert make(STEPWISE).score([Prefix(PROBLEM, 0)]) == [StepScores(1.0, (), 0)]


def test_an_interrupt_keeps_the_verdicts_that_were_reached(make: MakeCritic, monkeypatch: pytest.MonkeyPatch) -> None:
    halted = False
    critic = make(STEPWISE, interrupted=lambda: halted)
    critic.score([prefix(STEPS[0])])
    halted = True
    with pytest.raises(Interrupted):
        critic.score([prefix(*STEPS)])
    halted = False
    (opinion,) = critic.score([prefix(*STEPS)])
    assert len(opinion.steps) == 3


def test_a_critique_that_does_not_fit_is_said_to_be_too_long(
    make: MakeCritic, tiny_model: Callable[[str], Model]
) -> None:
    limit = tiny_model("llama").context
    with pytest.raises(PromptTooLong, match=f"context of {limit}") as caught:
        make(WHOLE).score([prefix("on and on " * limit)])
    assert "--max-tokens" in (caught.value.hint or "")
    with pytest.raises(PromptTooLong):
        make(WHOLE, tokens=limit).score([prefix(*STEPS)])


def test_more_critiques_than_fit_at_once_wait_for_each_other(make: MakeCritic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WIDTH", 2)
    cases = [prefix(f"It is {number}.") for number in range(7)]
    scores = [opinion.score for opinion in make(WHOLE, "qwen35", chains=2).score(cases)]
    assert len({round(score, 6) for score in scores}) > 3


def test_a_model_without_the_verdicts_words_cannot_judge(tiny_model: Callable[[str], Model]) -> None:
    with pytest.raises(ModelError, match="no single token for 'perhaps'"):
        Critic(tiny_model("llama"), replace(WHOLE, good="perhaps"))


def test_contexts_are_freed_after_each_call(make: MakeCritic, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions: list[Session] = []

    class Watched(Scheduler):
        def __init__(self, session: Session) -> None:
            sessions.append(session)
            super().__init__(session)

    monkeypatch.setattr(module, "Scheduler", Watched)
    make(WHOLE).score([prefix(*STEPS)])
    assert [session._context for session in sessions] == [None]
