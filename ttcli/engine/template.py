"""A chat as token ids: the model's own Jinja template, with whatever a user typed kept free of control tokens."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import FrameType, MappingProxyType
from typing import Any, Literal, NamedTuple, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.runtime
import jinja2.sandbox

from ttcli.engine.model import Model
from ttcli.errors import ModelError

Message = Mapping[str, str]  # role and content

_TEMPLATE_FAILS = (
    *(jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError),
    *(TypeError, ValueError),
)
_LINES = 200_000  # of a template that may be run for one chat: loops in loops come to any number
_LONGEST = 1 << 20  # characters of a rendered chat, or of a text that a template makes on the way
_ABSENT = {"tools": None, "documents": None}  # known to templates as what a chat may have, and this one has not
_FENCE = "\ue000"  # private-use characters around a message's number: no template has reason to hold them


class Span(NamedTuple):
    """A stretch of a rendered chat."""

    text: str
    trusted: bool  # from the template: control tokens in it are meant


class ChatTemplate:
    """The chat template of a model.

    Args:
        source: instead of the model's own.
        arguments: variables that it is rendered with, besides the usual ones.
        ending: what is written behind all that it makes, control tokens meant.

    Raises:
        ModelError: the model has no template, or one that does not compile.
    """

    def __init__(
        self,
        model: Model,
        source: str | None = None,
        *,
        arguments: Mapping[str, object] = MappingProxyType({}),
        ending: str = "",
    ) -> None:
        self._model = model
        self.arguments = dict(arguments)
        self.ending = ending
        source = source if source is not None else model.chat_template
        if source is None:
            raise ModelError(
                f"{model.path.name} has no chat template, so how to put a problem to it is unknown",
                hint="choose an instruct model: ttc models list",
            )
        try:
            self._template = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError, MemoryError, SyntaxError) as error:
            reason = str(error) or "it is nested too deep"
            raise ModelError(f"the chat template of {model.path.name} does not compile: {reason}") from error

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat up to where the assistant's turn begins.

        Raises:
            ModelError: the template rejects these messages.
        """
        ids = tokenize(self._model, self.render(messages))
        bos = self._model.bos
        return [bos, *ids] if bos is not None and ids[:1] != [bos] else ids

    def render(self, messages: Sequence[Message]) -> list[Span]:
        """The chat as spans of template text and message text.

        Raises:
            ModelError: the template fails, or what it makes does not hold every message but the system's.
        """
        marked = [{**message, "content": f"{_FENCE}{number}{_FENCE}"} for number, message in enumerate(messages)]
        try:
            rendered = _rendered(
                self._template,
                messages=marked,
                add_generation_prompt=True,
                bos_token=self._special("bos"),
                eos_token=self._special("eos"),
                **_ABSENT,
                **self.arguments,
            )
        except _TEMPLATE_FAILS as error:
            raise ModelError(f"the chat template of {self._model.path.name} fails: {error}") from error
        # every odd part is a message's number; templates commonly strip the content, so we do
        parts = rendered.split(_FENCE)
        numbers = {str(number) for number, message in enumerate(messages) if message["role"] != "system"}
        if not numbers <= set(parts[1::2]) <= {str(number) for number in range(len(messages))}:
            raise ModelError(
                f"the chat template of {self._model.path.name} drops or alters what was said",
                hint="choose another model: ttc models list",
            )
        spans = [
            Span(messages[int(part)]["content"].strip(), trusted=False) if odd % 2 else Span(part, trusted=True)
            for odd, part in enumerate(parts)
        ]
        spans.append(Span(self.ending, trusted=True))
        return [span for span in spans if span.text]

    def _special(self, name: Literal["bos", "eos"]) -> str:
        token = self._model.special_token(name)
        return self._model.piece(token).decode("utf-8", "replace") if token is not None else ""


def variables(source: str) -> set[str]:
    """The names that a template reads and that stand for something it may be given; none where it does not compile."""
    try:
        tree = _environment().parse(source)
    except (jinja2.TemplateError, RecursionError, MemoryError, SyntaxError):
        return set()
    return {name.name for name in tree.find_all(jinja2.nodes.Name) if name.ctx == "load"}


def rehearse(source: str) -> None:
    """Render a template for chats of several forms, in a process whose memory and time are bounded.

    What messages say is never in it, so it does the same with them later. One that rejects a form is none the worse.

    Raises:
        ModelError: the memory does not suffice.
    """
    roles = (
        ("user",),
        ("system", "user"),
        ("user", "assistant", "user"),
        ("system", *("user", "assistant") * 4, "user"),
    )
    for form in roles:
        messages = [{"role": role, "content": f"{_FENCE}{number}{_FENCE}"} for number, role in enumerate(form)]
        try:
            template = _environment().from_string(source)
            _rendered(
                template, messages=messages, add_generation_prompt=True, bos_token="<s>", eos_token="</s>", **_ABSENT
            )
        except MemoryError as error:
            raise ModelError("its chat template takes too much memory") from error
        except (*_TEMPLATE_FAILS, SyntaxError):
            continue


def tokenize(model: Model, spans: Sequence[Span]) -> list[int]:
    """Token ids of spans: control tokens only where the template wrote them, plain text tokenized across span borders.

    For text without control tokens in it, equal to tokenizing the whole rendered chat at once.
    """
    ids: list[int] = []
    text = ""
    strip_next = False
    for span in spans:
        rest = span.text
        if span.trusted:
            for control in filter(model.is_control, model.tokenize(span.text, special=True)):
                name = model.piece(control).decode("utf-8", "replace")
                before, found, after = rest.partition(name)
                if not found:  # a token the tokenizer added on its own
                    continue
                text += before
                swallow_before, swallow_after = model.swallows_space(control)
                text = text.lstrip() if strip_next else text
                ids += model.tokenize(text.rstrip() if swallow_before else text, special=False) if text else []
                ids.append(control)
                text, rest, strip_next = "", after, swallow_after
        text += rest
    text = text.lstrip() if strip_next else text
    return ids + (model.tokenize(text, special=False) if text else [])


class _Generation(jinja2.ext.Extension):
    """`{% generation %} ... {% endgeneration %}`: what an assistant writes, for training to know; here, its body."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """The body alone."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """In which no text grows beyond bounds at one stroke."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """An operation, unless it makes something huge of something small."""
        for one, other in ((left, right), (right, left)):
            if operator == "*" and isinstance(one, int) and hasattr(other, "__len__") and one * len(other) > _LONGEST:
                raise jinja2.TemplateError("a text is repeated too often")
        if operator == "**" and isinstance(right, int) and right > 1024:
            raise jinja2.TemplateError("a power is too large")
        if operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise jinja2.TemplateError("a field is too wide")
        return super().call_binop(context, operator, left, right)


_WIDE = re.compile(r"%[-+ #0(\w)]*[\d*]{4}")


def _rendered(template: jinja2.Template, **variables: Any) -> str:
    """What a template makes of a chat.

    Raises:
        TemplateError: too much, or not within a bearable number of lines.
    """
    left = _LINES

    def count(_frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise jinja2.TemplateError("it comes to no end")
        return count

    def enter(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        return count if frame.f_code.co_filename == "<template>" else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        text, pieces = 0, []
        for piece in template.generate(**variables):
            text += len(piece)
            if text > _LONGEST:
                raise jinja2.TemplateError("it makes too long a text")
            pieces.append(piece)
    finally:
        sys.settrace(before)
    return "".join(pieces)


def _environment() -> jinja2.Environment:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation])
    environment.globals["raise_exception"] = _reject
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    environment.filters["tojson"] = _to_json
    return environment


def _reject(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As transformers has it, which templates are written for."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
