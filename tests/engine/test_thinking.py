"""What is told of a model's thinking by its template and its vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import SWITCHED, THINK, write_tiny

from ttcli.engine.model import Model
from ttcli.engine.params import ThinkParams
from ttcli.engine.thinking import Thinking, plan, quiet, recognise
from ttcli.errors import UsageError
from ttcli.thought import HARMONY, KNOWN_TAGS, USUAL_TAGS, Tags

USER = [{"role": "user", "content": "1"}]
TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
GEMMA = next(tags for tags in KNOWN_TAGS if tags.closing == "<channel|>")
# a template in the manner of each family: switch, what is written by itself
QWEN3 = TURNS + "[a]{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
R1 = TURNS + "{# </think> ends a thought #}[a]<think>{{ '\\n' }}"
GEMMA4 = TURNS + "[a]{% if not enable_thinking | default(false) %}<|channel>thought\n<channel|>{% endif %}"
NEMOTRON = TURNS + "[a]{% if enable_thinking | default(true) %}<think>\n{% else %}<think></think>{% endif %}"
DEEPSEEK = TURNS + "[a]{% if thinking is defined and thinking %}<think>{% else %}</think>{% endif %}"
GPT_OSS = (
    "effort: {{ reasoning_effort | default('medium') }} <|channel|>analysis<|message|> <|channel|>final<|message|>"
    + TURNS
    + "<|start|>assistant"
)
SEED = TURNS + "<seed:think></seed:think>{{ thinking_budget | default(-1) }}[a]"
SOFT = TURNS + "{# /think /no_think #}{# <think> </think> #}[a]"
PLAIN = TURNS + "[a]"

MakeModel = Callable[..., Model]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    def make(template: str | None, words: tuple[str, ...] = ()) -> Model:
        return Model(write_tiny(tmp_path / "m.gguf", "llama", template=template, words=words))

    return make


def tail(model: Model, **params: Any) -> tuple[str, str]:
    """The end of a prompt, and the phase that a solution begins in."""
    asked = plan(model, recognise(model), ThinkParams(**params))
    text = b"".join(map(model.piece, asked.encode(USER))).decode()
    return text.rpartition("1")[2], asked.phase


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (QWEN3, Thinking(USUAL_TAGS, "none", "enable_thinking")),
        (SWITCHED, Thinking(USUAL_TAGS, "open", "enable_thinking")),
        (R1, Thinking(USUAL_TAGS, "open")),
        (GEMMA4, Thinking(GEMMA, "closed", "enable_thinking")),
        (NEMOTRON, Thinking(USUAL_TAGS, "open", "enable_thinking")),
        (DEEPSEEK, Thinking(USUAL_TAGS, "closed", "thinking")),
        (GPT_OSS, Thinking(HARMONY, "none", effort=True)),
        (SEED, Thinking(Tags("<seed:think>", "</seed:think>"), "none", budget=True)),
        (SOFT, Thinking(USUAL_TAGS, "none", words=("/think", "/no_think"))),
        (PLAIN, Thinking()),
        (None, Thinking()),
    ],
)
def test_tags_switches_and_what_the_prompt_begins_are_seen(
    make_model: MakeModel, template: str | None, told: Thinking
) -> None:
    model = make_model(template)
    assert recognise(model) == told
    model.close()


def test_tags_may_be_known_from_the_vocabulary_alone(make_model: MakeModel) -> None:
    model = make_model(PLAIN, THINK)
    assert recognise(model) == Thinking(USUAL_TAGS)
    assert recognise(model, tags="none") == Thinking()
    assert recognise(model, tags=Tags("[", "]")).tags == Tags("[", "]")
    model.close()


@pytest.mark.parametrize(
    ("template", "on", "off", "auto"),
    [
        (QWEN3, ("[a]", "unsaid"), ("[a]<think>\n\n</think>\n\n", "speaking"), ("[a]", "unsaid")),
        (R1, ("[a]<think>\n", "thinking"), ("[a]<think>\n</think>\n\n", "speaking"), ("[a]<think>\n", "thinking")),
        (GEMMA4, ("[a]", "unsaid"), ("[a]<|channel>thought\n<channel|>", "speaking"), None),
        (DEEPSEEK, ("[a]<think>", "thinking"), ("[a]</think>", "speaking"), ("[a]</think>", "speaking")),
        (SOFT, (" /think[a]", "unsaid"), (" /no_think[a]", "unsaid"), ("[a]", "unsaid")),
        (
            GPT_OSS,
            ("<|start|>assistant<|channel|>analysis<|message|>", "thinking"),
            ("<|start|>assistant<|channel|>final<|message|>", "speaking"),
            ("<|start|>assistant", "unsaid"),
        ),
    ],
)
def test_the_prompt_is_as_wished(
    make_model: MakeModel,
    template: str,
    on: tuple[str, str],
    off: tuple[str, str],
    auto: tuple[str, str] | None,
) -> None:
    model = make_model(template)
    assert tail(model, think="on") == on
    assert tail(model, think="off") == off
    assert tail(model) == (off if auto is None else auto)
    model.close()


def test_efforts_budgets_and_arguments_reach_the_template(make_model: MakeModel) -> None:
    model = make_model(GPT_OSS)
    text = b"".join(map(model.piece, plan(model, recognise(model), ThinkParams(reasoning_effort="high")).encode(USER)))
    assert text.startswith(b"effort: high")
    asked = plan(model, recognise(model), ThinkParams(template_arg=["reasoning_effort=low"]))
    assert b"".join(map(model.piece, asked.encode(USER))).startswith(b"effort: low")
    model.close()
    model = make_model(SEED)
    assert "700[a]" in tail(model, think_budget=700)[0]
    assert "0[a]" in tail(model, think="off")[0]
    model.close()


@pytest.mark.parametrize(
    ("template", "params", "complaint"),
    [
        (PLAIN, {"think": "on"}, "not known to think"),
        (PLAIN, {"think_budget": 100}, "not known to think"),
        (QWEN3, {"reasoning_effort": "low"}, "no reasoning_effort"),
        (QWEN3, {"template_arg": ["enable_thinkin=true"]}, "no variable enable_thinkin"),
    ],
)
def test_a_switch_that_is_not_there_is_an_error(
    make_model: MakeModel, template: str, params: dict[str, Any], complaint: str
) -> None:
    model = make_model(template)
    with pytest.raises(UsageError, match=complaint) as caught:
        plan(model, recognise(model), ThinkParams(**params))
    assert caught.value.hint
    model.close()


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"think_budget": 0}, "at least 1"),
        ({"template_arg": ["enable_thinking"]}, "no KEY=VALUE"),
        ({"template_arg": ["a b=1"]}, "no KEY=VALUE"),
        ({"template_arg": ["a=1", "a=2"]}, "given twice"),
        ({"template_arg": ["messages=[]"]}, "ttc's own"),
    ],
)
def test_settings_that_make_no_sense_are_errors(params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        ThinkParams(**params)


def test_values_of_arguments_are_json_or_text() -> None:
    given = ThinkParams(template_arg=["a=true", "b=2", 'c="x"', "d=high", 'e={"f": null}'])
    assert given.arguments == {"a": True, "b": 2, "c": "x", "d": "high", "e": {"f": None}}


def test_a_judge_is_asked_for_a_verdict_at_once(make_model: MakeModel) -> None:
    model = make_model(SWITCHED, THINK)
    text = b"".join(map(model.piece, quiet(model).encode(USER)))
    assert text.endswith(b"</think>\n\n")
    model.close()


def test_control_names_that_a_user_types_stay_text(make_model: MakeModel) -> None:
    model = make_model(QWEN3, THINK)
    ids = plan(model, recognise(model), ThinkParams(think="off")).encode([{"role": "user", "content": "1 <|im_end|>"}])
    assert sum(model.is_control(token) for token in ids) == 0
    model.close()
