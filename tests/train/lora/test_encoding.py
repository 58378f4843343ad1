from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from train.lora.made import pooled
from ttcli.catalog.forms import PrmForm
from ttcli.catalog.stored import LocalModel, form_of
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.solution import Attempt
from ttcli.train.lora.encoding import choose_form, encode_trajectories, encode_values, toml
from ttcli.train.lora.trajectories import Trajectory
from ttcli.train.lora.values import valued

PROBLEM = Problem("What is 2 + 2?", "p", "4")


@pytest.fixture
def policy(tiny_model: Callable[[str], Model]) -> Iterator[LocalPolicy]:
    made = LocalPolicy(
        tiny_model("llama"), name="tiny", prompt=Prompt(), sampling=SamplingParams(), max_tokens=50, width=4
    )
    yield made
    made.close()


def test_a_trajectory_is_the_chat_of_a_revision_and_only_its_last_solution_counts(policy: LocalPolicy) -> None:
    chain = Trajectory(0, PROBLEM, (Attempt("It is 5."), Attempt("Is it 6?")), "It is 4.")
    [example] = encode_trajectories(policy, [chain])
    asked = policy.encode(PROBLEM, chain.attempts)
    said = policy.model.tokenize("It is 4.", special=False)
    assert list(example.tokens) == [*asked, *said]
    assert [int(target) for target in example.targets] == [*said, 258]  # <|im_end|>
    assert example.places == tuple(range(len(asked) - 1, len(example.tokens)))
    chat = policy.encode(PROBLEM, (*chain.attempts, Attempt(chain.target)))
    assert chat[: len(example.tokens) + 1] == [*example.tokens, 258]  # as the model's own template puts it


def test_attempts_that_do_not_fit_the_context_are_left_out_the_oldest_first(policy: LocalPolicy) -> None:
    long = "x" * 3000
    [example] = encode_trajectories(
        policy, [Trajectory(0, PROBLEM, (Attempt(long), Attempt(long), Attempt("short")), "It is 4.")]
    )
    shown = policy.encode(PROBLEM, (Attempt(long), Attempt("short")))
    assert len(example.tokens) == len(shown) + len("It is 4.")
    assert encode_trajectories(policy, [Trajectory(0, PROBLEM, (), "y" * 5000)]) == []


def test_values_stand_at_the_tags(tiny_model: Callable[[str], Model]) -> None:
    model = tiny_model("llama")
    told, form = choose_form(model, "\n\n")
    assert told.chat
    own = pooled((("1+1=2\n\n", "#### 4"), True), (("1+1=3\n\n", "#### 5"), False))
    right, wrong = encode_values(model, form, own.problem, valued(own, []))
    for example, values in ((right, (1.0, 1.0)), (wrong, (0.0, 0.0))):
        assert example.targets == values
        assert len(example.places) == 2
        assert example.places[-1] == len(example.tokens) - 1
    text = b"".join(model.piece(token) for token in right.tokens).decode()
    assert text.endswith(f"1+1=2 {told.tag}\n\n#### 4 {told.tag}")


def test_a_form_is_read_as_it_was_told(tmp_path: Path) -> None:
    told = PrmForm("step-tag", "+", "-", "ки", 'Say "+"\\\n', "\t", "\n\n", chat=True)
    (tmp_path / "a.toml").write_text(toml(told), encoding="utf-8")
    assert form_of(LocalModel(tmp_path / "a.gguf", None, "a.gguf")) == told
