"""`--reviser` with a model of its own, on tiny models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import write_tiny

from ttcli.catalog.progress import NoProgress
from ttcli.cost import Budget
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.errors import ModelError
from ttcli.events import Outcome, RunFinished, RunStarted
from ttcli.interrupt import Interrupt
from ttcli.policy.local.policy import LocalPolicy
from ttcli.problem import Problem
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.seams import Extend, Extension
from ttcli.solution import Attempt
from ttcli.terminal.words import heading

SUM = Problem("What is 7 + 5?")


@pytest.fixture
def models(tiny_path: Callable[[str], Path], tmp_path: Path) -> tuple[Path, Path]:
    """A policy, and a model with the same tokens and more weights, each in a place of its own."""
    return tuple(
        Path(shutil.copy(tiny_path(name), tmp_path / f"{role}.gguf"))
        for name, role in (("llama", "policy"), ("qwen3moe", "reviser"))
    )  # type: ignore[return-value] # two


def settings(policy: Path, reviser: Path | None, method: str = "revise:ratio=4") -> Settings:
    return Settings(
        str(policy),
        method_name=method,
        budget=Budget(4),
        sampling=SamplingParams(temperature=0),
        max_tokens=16,
        machine=Machine(threads=1),
        verifier_name="confidence" if method.startswith("search") else None,
        reviser=str(reviser) if reviser else None,
    )


def solved(told: Settings) -> tuple[RunStarted, Outcome]:
    with load_runtime(told, Interrupt(), NoProgress()) as runtime:
        began, *_, last = runtime.solve(SUM)
        assert isinstance(began, RunStarted)
        assert isinstance(last, RunFinished)
        return began, last.outcome


def test_a_model_of_its_own_draws_the_revisions_and_nothing_else(models: tuple[Path, Path]) -> None:
    policy, reviser = models
    began, alone = solved(settings(policy, None))
    told, both = solved(settings(policy, reviser))
    first, second = both.candidates[0].text, both.candidates[1].text
    assert first == alone.candidates[0].text
    assert second != alone.candidates[1].text
    with load_runtime(settings(reviser, None), Interrupt(), NoProgress()) as runtime:
        root = runtime.policy.start(SUM, attempts=[Attempt(first)])
        happenings = [each for some in runtime.policy.extend([Extend(root, (0,))]) for each in some]
        assert [each.prefix.text for each in happenings if isinstance(each, Extension)] == [second]
    assert began.reviser is None
    assert told.reviser == "reviser.gguf"
    assert "policy.gguf, reviser reviser.gguf, budget 4" in heading(told)


@pytest.mark.parametrize("method", ["revise:ratio=4", "revise:ratio=1", "search-revise", "search-revise:by=beam"])
def test_its_tokens_cost_what_its_own_weights_do(models: tuple[Path, Path], method: str) -> None:
    policy, reviser = models
    with load_runtime(settings(policy, reviser, method), Interrupt(), NoProgress()) as runtime:
        *_, last = runtime.solve(SUM)
        assert isinstance(last, RunFinished)
        small, large = runtime.policy.parameters, runtime.policy.reviser_parameters
        prompt = runtime.policy.start(SUM).prompt_tokens
    assert large > small
    outcome, cost = last.outcome, last.outcome.cost
    revised = [each for each in outcome.candidates if each.attempt]
    drawn = sum(each.tokens for each in revised)
    shown = cost.prompt_tokens - prompt * (2 if method.startswith("search") and "beam" in method and revised else 1)
    assert bool(drawn) == bool(shown)
    own = cost.prompt_tokens + cost.policy_tokens - drawn - shown
    assert cost.flops == 2.0 * (small * own + large * (drawn + shown))


def test_the_policy_itself_may_be_named(models: tuple[Path, Path]) -> None:
    (_, alone), (_, same) = solved(settings(models[0], None)), solved(settings(models[0], models[0]))
    assert [each.text for each in same.candidates] == [each.text for each in alone.candidates]


def test_its_own_words_and_weights_are_part_of_what_revisions_are_filed_under(models: tuple[Path, Path]) -> None:
    told = []
    for words in (None, "Once more."):
        if words:
            models[1].with_suffix(".toml").write_text(f'[template]\nrevise = "{words}"\n', encoding="utf-8")
        with load_runtime(settings(*models), Interrupt(), NoProgress()) as runtime:
            told.append((runtime.recipe, runtime.revisions))
            policy = runtime.policy
            assert isinstance(policy, LocalPolicy)
            shown = b"".join(policy.model.piece(token) for token in policy.encode(SUM, [Attempt("It is 11.")])).decode()
            assert (words or "This solution may be wrong.") in shown
    assert told[0][0] == told[1][0]
    assert told[0][1] != told[1][1]
    assert told[0][1]["reviser"] == told[1][1]["reviser"] is not None


def test_another_vocabulary_is_refused_before_the_run(models: tuple[Path, Path], tmp_path: Path) -> None:
    policy, _ = models
    longer = write_tiny(tmp_path / "longer.gguf", "llama", words=("<x>",))
    with pytest.raises(
        ModelError, match=r"longer\.gguf has another vocabulary than policy\.gguf: 2\d\d tokens"
    ) as caught:
        solved(settings(policy, longer))
    assert "--reviser" in (caught.value.hint or "")
    one, other = (write_tiny(tmp_path / f"{word}.gguf", "llama", words=(f"<{word}>",)) for word in "ab")
    with pytest.raises(ModelError, match=r"b\.gguf has another vocabulary than a\.gguf: token 2\d\d is b'<b>'"):
        solved(settings(one, other))


def test_tiny_models_differ_in_their_weights_alone(models: tuple[Path, Path]) -> None:
    one, other = map(Model, models)
    assert one.matmul_parameters != other.matmul_parameters
    assert one.vocabulary == other.vocabulary
    one.close()
    other.close()
