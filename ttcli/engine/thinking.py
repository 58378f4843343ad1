"""How a model thinks before it answers, told from its template and its vocabulary, and how it is made to or kept from.

Nothing goes by names of models. Tags are those that the template writes or that are tokens of their own; a switch is a
variable of the template that changes what it makes; whether a thought is opened in the prompt is seen at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ttcli.engine.model import Model
from ttcli.engine.params import ThinkParams
from ttcli.engine.template import ChatTemplate, Span, tokenize, variables
from ttcli.errors import ModelError, UsageError
from ttcli.thought import KNOWN_TAGS, Phase, Tags, written_tags

Prompted = Literal["open", "closed", "none"]  # at the end of the prompt: a thought begun, an empty one, neither

_TURNS = ("enable_thinking", "thinking")  # variables that are true or false
EFFORT = "reasoning_effort"
_BUDGET = "thinking_budget"
_WORDS = (("/think", "/no_think"), ("/think", "/nothink"))  # that a user says, where there is no variable
_PROBE = [{"role": "user", "content": "1"}]
_TIGHT = 8  # tokens of a thought at least, besides those that end it


@dataclass(frozen=True, slots=True)
class Thinking:
    """What is known of how a model thinks."""

    tags: Tags | None = None  # None: it is not known to think
    prompted: Prompted = "none"  # what its template writes by itself
    turn: str | None = None  # the variable that turns it on and off
    effort: bool = False  # whether its template takes a `reasoning_effort`
    budget: bool = False  # whether its template takes a `thinking_budget`
    words: tuple[str, str] | None = None  # in the prompt, for and against, where there is no variable

    @property
    def summary(self) -> str:
        """On one line, for people."""
        if self.tags is None:
            return "none"
        begins = {"open": "begun in the prompt", "closed": "off unless asked for", "none": "as the model begins it"}
        switches = [*([self.turn] if self.turn else []), *([EFFORT] if self.effort else [])]
        switches += [*([_BUDGET] if self.budget else []), *(self.words or ())]
        switch = f"; switched by {', '.join(switches)}" if switches else "; no switch in the template"
        return f"{self.tags.opening.strip()} ... {self.tags.end.strip()}, {begins[self.prompted]}{switch}"


@dataclass(frozen=True, slots=True)
class ThinkPlan:
    """How a model is asked, and what its thoughts look like then."""

    template: ChatTemplate
    tags: Tags | None  # None: what it writes is text, all of it
    prompted: Prompted
    word: str = ""  # behind what the user says

    @property
    def phase(self) -> Phase:
        """Where a solution begins."""
        return {"open": "thinking", "closed": "speaking", "none": "unsaid"}[self.prompted]  # type: ignore[return-value]

    def encode(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a chat up to where the assistant's turn, or its thought, begins."""
        if self.word:
            last = {**messages[-1], "content": f"{messages[-1]['content']} {self.word}"}
            messages = [*messages[:-1], last]
        return self.template.encode(messages)

    def before(self, model: Model, thought: str | None) -> list[int]:
        """Tokens between the prompt and a text that is given: the thought before it, or an empty one if one is due."""
        if self.tags is None or self.prompted == "closed" or (thought is None and self.prompted == "none"):
            return []
        opening = "" if self.prompted == "open" else self.tags.opening
        closing = Span(f"{self.tags.closing}\n\n", True)
        return tokenize(model, [Span(opening, True), Span(thought or "", False), closing])


def recognise(model: Model, *, tags: Tags | Literal["none"] | None = None) -> Thinking:
    """How a model thinks; `tags`: what somebody has told of it, "none": that it does not."""
    source = model.chat_template
    if source is None or tags == "none":
        return Thinking()
    tags = tags or _tags(model, source)
    if tags is None:
        return Thinking()
    names = variables(source)
    plain = _ending(model, {})
    turn = next((name for name in _TURNS if name in names and _turns(model, {name: True}, {name: False})), None)
    return Thinking(
        tags,
        _prompted(plain, tags),
        turn,
        effort=EFFORT in names and _turns(model, {EFFORT: "low"}, {EFFORT: "high"}),
        budget=_BUDGET in names,
        words=None if turn else next((pair for pair in _WORDS if all(word in source for word in pair)), None),
    )


def plan(model: Model, thinking: Thinking, params: ThinkParams) -> ThinkPlan:
    """How to ask a model for what was wished.

    Raises:
        UsageError: it has no such switch.
        ModelError: it has no chat template, or one that fails.
    """
    tags, name = thinking.tags, model.path.name
    for option, asked in (("--think on", params.think == "on"), ("--think-budget", params.think_budget is not None)):
        if asked and tags is None:
            toml = model.path.with_suffix(".toml").name
            hint = f"leave it out; if it does think, tell its tags in {toml} beside it (docs/thinking.md)"
            raise UsageError(f"{name} is not known to think, so {option} means nothing", hint=hint)
    if params.reasoning_effort and not thinking.effort:
        hint = f"--template-arg KEY=VALUE if it is called otherwise; ttc models info {name}"
        raise UsageError(f"the chat template of {name} has no {EFFORT}", hint=hint)
    arguments: dict[str, object] = {}
    if thinking.turn and params.think != "auto":
        arguments[thinking.turn] = params.think == "on"
    if params.reasoning_effort:
        arguments[EFFORT] = params.reasoning_effort
    if thinking.budget and (params.think == "off" or params.think_budget):
        arguments[_BUDGET] = 0 if params.think == "off" else params.think_budget
    arguments |= params.arguments
    _refuse_unread(model, params.arguments)
    word = ""
    if thinking.words and params.think != "auto":
        word = thinking.words[params.think == "off"]
    template = ChatTemplate(model, arguments=arguments)
    if tags is None:
        return ThinkPlan(template, None, "none")
    prompted = _prompted(_tail(template), tags)
    switched = thinking.turn is not None or bool(word)
    ending = _written(tags, prompted, params, switched=switched)
    if ending:
        template = ChatTemplate(model, arguments=arguments, ending=ending)
        prompted = "closed" if params.think == "off" else "open"
    return ThinkPlan(template, tags, prompted, word)


def quiet(model: Model) -> ChatTemplate:
    """The template of a model that is to answer at once: a judge's.

    Raises:
        ModelError: it has none, or one that does not compile.
    """
    thinking = recognise(model)
    return ChatTemplate(model) if thinking.tags is None else plan(model, thinking, ThinkParams(think="off")).template


def forced_end(model: Model, tags: Tags, message: str) -> tuple[int, ...]:
    """The tokens that end a thought."""
    return tuple(tokenize(model, [Span(message, False), Span(f"{tags.closing}", True)]))


def check_budget(budget: int, forced: Sequence[int]) -> None:
    """Complain about a budget that what ends a thought takes all of.

    Raises:
        UsageError: it does.
    """
    if budget < len(forced) + _TIGHT:
        raise UsageError(
            f"--think-budget {budget} has no room for a thought: what ends one takes {len(forced)} tokens",
            hint=f"--think-budget {4 * (len(forced) + _TIGHT)}, a shorter --think-message, or --think off",
        )


def usual_budget(most: int, context: int, max_tokens: int, forced: Sequence[int]) -> int:
    """`most`, or what a context leaves beside an answer, three quarters of it: prompts take some."""
    return max(len(forced) + _TIGHT, min(most, (context - max_tokens) * 3 // 4))


def _written(tags: Tags, prompted: Prompted, params: ThinkParams, *, switched: bool) -> str:
    """What is written behind a prompt whose template does not do by itself what was wished."""
    if params.think == "on" and prompted != "open" and not (switched and prompted == "none"):
        return tags.opening if tags.mark or tags.opening.endswith("\n") else f"{tags.opening}\n"
    if params.think == "off" and prompted == "open":
        return tags.end if tags.mark else f"{tags.closing}\n\n"
    if params.think == "off" and prompted == "none" and not switched:
        return tags.nothing
    return ""


def _tags(model: Model, source: str) -> Tags | None:
    """The first of the known tags that the template writes, or else that are tokens of their own."""
    if tags := written_tags(source):
        return tags
    for tags in KNOWN_TAGS:
        words = [model.tokenize(word, special=True) for word in tags.words]
        if all(len(ids) == 1 for ids in words):
            return tags
    return None


def _refuse_unread(model: Model, arguments: Mapping[str, object]) -> None:
    """Complain about an argument that the template never reads: it would change nothing, silently."""
    known = variables(model.chat_template or "")
    for key in arguments:
        if key not in known:
            raise UsageError(
                f"the chat template of {model.path.name} has no variable {key}",
                hint=f"ttc models info {model.path.name} says which switches it has",
            )


def _turns(model: Model, one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two values make two prompts."""
    try:
        rendered = [ChatTemplate(model, arguments=each).render(_PROBE) for each in (one, other)]
    except ModelError:
        return False
    return rendered[0] != rendered[1]


def _ending(model: Model, arguments: Mapping[str, object]) -> str:
    try:
        return _tail(ChatTemplate(model, arguments=arguments))
    except ModelError:
        return ""


def _tail(template: ChatTemplate) -> str:
    """What a template writes behind the last message."""
    spans = template.render(_PROBE)
    return spans[-1].text if spans[-1].trusted else ""


def _prompted(tail: str, tags: Tags) -> Prompted:
    end = tail.rstrip()
    if end.endswith(tags.opening.rstrip()):
        return "open"
    return "closed" if end.endswith(tags.end.rstrip()) else "none"
