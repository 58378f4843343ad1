"""The options that shape a run, declared once; a command that takes them gets them as its `settings`."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.cli.found import tell_found
from ttcli.cli.options import More, option
from ttcli.engine.params import Effort, SamplingParams, Think, ThinkParams
from ttcli.runtime.settings import Machine, Settings

if TYPE_CHECKING:
    from ttcli.runtime.reading import Reading


@dataclass(frozen=True, slots=True)
class _Option:
    """How one field of `Settings`, or of its parts, is shown."""

    kind: Any  # its type
    says: str
    short: str | None = None
    more: bool = False  # only --help-more shows it
    variable: bool = True  # TTC_... sets it too
    default: str | bool = True  # as --help puts it; True: the field's own


_FIRST = {
    "model": _Option(str | None, "A name, a GGUF file, hf:OWNER/REPO or ollama:NAME.", "-m", default=DEFAULT_MODEL),
    "policy": _Option(str | None, "Draw from an OpenAI-compatible server: http://HOST:PORT/v1."),
}
_LAST = {
    "insecure": _Option(bool, "Let TTC_API_KEY go unencrypted to another machine.", more=True),
    "answer": _Option(str, "auto, boxed, choice, last-line, text, code, none or regex:PATTERN: what counts as one."),
    "prompt": _Option(str | None, "A shipped prompt (ttc prompts list), a TOML file or a template.", more=True),
    "system": _Option(str | None, "What the model is told before the problem.", more=True),
    "temperature": _Option(float, "0: always the likeliest token.", "-t"),
    "max_tokens": _Option(int, "Of one solution, its thought not counted."),
    "think": _Option(Think, "Before the answer; auto: as the model does.", more=True),
    "think_budget": _Option(int | None, "Tokens of a thought; 4096 or what fits.", more=True),
    "think_message": _Option(str, "What ends a thought whose budget is spent.", more=True, default=False),
    "reasoning_effort": _Option(Effort | None, "Of a model that has the switch.", more=True),
    "template_arg": _Option(
        list[str] | None, "KEY=VALUE for the chat template; may be repeated.", more=True, variable=False
    ),
    "seed": _Option(int, "Same seed, same store: the same samples."),
    "offline": _Option(bool, "Never fetch a model."),
    "top_k": _Option(int, "Draw from the k likeliest tokens; 0: off.", more=True),
    "top_p": _Option(float, "Of this much probability; 1: off.", more=True),
    "min_p": _Option(float, "Relative to the likeliest; 0: off.", more=True),
    "width": _Option(int | None, "Texts in one batch.", more=True),
    "threads": _Option(int | None, "CPU threads.", more=True),
    "gpu_layers": _Option(int | None, "Layers on the GPU.", more=True),
    # set once and for all, it would be in the way of every method that revises nothing
    "reviser": _Option(
        str | None,
        "What draws the revisions: a LoRA adapter of the model, by name or file, or a model with the same vocabulary.",
        more=True,
        variable=False,
    ),
    "aggregate": _Option(
        Literal["last", "min", "mean", "prod"] | None,
        "Score of a solution from its steps'; left out: the verifier's own way.",
        more=True,
    ),
    "repair": _Option(str, "False equations, while a text is drawn: auto, off, arithmetic or command:CMD.", more=True),
    "extract": _Option(
        Literal["code"] | None, "What of a solution --verifier command:CMD is given: its block of code.", more=True
    ),
    "command_timeout": _Option(float, "Seconds for one solution, of --verifier command:CMD.", more=True),
}
_PARTS = {"sampling": SamplingParams, "machine": Machine, "thinking": ThinkParams}  # of `Settings`
_DEFAULTS = {field.name: field.default for part in (Settings, *_PARTS.values()) for field in fields(part)} | {
    "model": None,  # the default model, or the only one that a server has
    "template_arg": None,
}


_OF_RUN = ("settings", "early")  # parameters of a command that no option is for

_MORE = inspect.Parameter("_more", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=More)


def run_options(
    leave_out: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
    says: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the options that shape a run: it takes `settings`, and Typer sees an option for each of them.

    Defaults are those of `Settings`. Model and server stand where `settings` does, the others after the command's own,
    with --help-more at the end. A parameter that is a dataclass has an option for each field: so commands share theirs.

    Args:
        leave_out: options, by the names of their fields, that mean nothing to the command.
        more: those that only --help-more is to show, besides the ones that it always does.
        says: what --help says of an option, where the command has a better word for it.
        defaults: of options that have another one here.

    A command that takes `early` gets the weights that are being read since the model was known, or None.
    """
    texts = says or {}
    left_out = {*leave_out, *(("insecure",) if "policy" in leave_out else ())}  # of a server alone

    def declared(options: Mapping[str, _Option]) -> list[inspect.Parameter]:
        return [
            _parameter(
                name,
                replace(shown, more=shown.more or name in more, says=texts.get(name, shown.says)),
                (defaults or {}).get(name, _DEFAULTS[name]),
            )
            for name, shown in options.items()
            if name not in left_out
        ]

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        for name in _OF_RUN:  # for type checkers alone, and no options
            command.__annotations__.pop(name, None)
        hints = get_type_hints(command, include_extras=True)
        groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
        reads = "early" in inspect.signature(command).parameters

        @functools.wraps(command)
        def call(_more: bool = False, **arguments: Any) -> int:
            quiet = arguments.get("quiet")
            given = {name: arguments.pop(name) for name in (*_FIRST, *_LAST) if name in arguments}
            arguments |= {name: _filled(group, arguments) for name, group in groups.items()}
            with _early(given) if reads else nullcontext() as early:
                arguments |= {"early": early} if reads else {}
                code = command(settings=_settings(given), **arguments)
            if _chose_nothing(given) and not quiet and sys.stderr.isatty():
                tell_found(DEFAULT_MODEL)
            return code

        parameters = [*_own(command, hints, groups, declared(_FIRST)), *declared(_LAST), _MORE]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _own(
    command: Callable[..., int],
    hints: Mapping[str, Any],
    groups: Mapping[str, type[Any]],
    first: Sequence[inspect.Parameter],
) -> Iterator[inspect.Parameter]:
    """The parameters of a command itself, with these where `settings` stands, and the fields of groups as their own."""
    for name, parameter in inspect.signature(command).parameters.items():
        if name == "settings":
            yield from first
        elif name in groups:
            yield from _of_fields(groups[name])
        elif name not in _OF_RUN:
            yield parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)


def _parameter(name: str, shown: _Option, default: Any) -> inspect.Parameter:
    """An option as a parameter of a command."""
    names = [f"--{name.replace('_', '-')}", *([shown.short] if shown.short else [])]
    variable = name.upper() if shown.variable else None
    declared = option(*names, env=variable, says=shown.says, more=shown.more, default=shown.default)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[shown.kind, declared]
    )


def _of_fields(group: type[Any]) -> list[inspect.Parameter]:
    """The options that a dataclass has for fields, as parameters of a command."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(group)
    ]


def _filled(group: type[Any], arguments: dict[str, Any]) -> Any:
    """A dataclass with the options that it has, which are taken out of the arguments."""
    return group(**{field.name: arguments.pop(field.name) for field in fields(group)})


def _chose_nothing(given: Mapping[str, Any]) -> bool:
    """Whether the default model is used because no other was named, where one could be."""
    return {"model", "policy"} <= given.keys() and given["model"] is None and given["policy"] is None


def _early(given: Mapping[str, Any]) -> AbstractContextManager[Reading | None]:
    """The model's weights, which are let go of in the end where no run has taken them."""
    if given.get("policy") is not None:
        return nullcontext()
    from ttcli.runtime.reading import read_early  # what knows the models on this machine: not for every page of help

    return read_early(_model(given), gpu_layers=given["gpu_layers"]) or nullcontext()


def _model(given: Mapping[str, Any]) -> str:
    """What runs here where no server is asked."""
    model: str | None = given.get("model")
    return DEFAULT_MODEL if model is None else model


def _settings(given: dict[str, Any]) -> Settings:
    """The settings that the options say.

    Raises:
        UsageError: an option out of range, or two that exclude each other.
    """
    if given.get("policy") is None:
        given = {**given, "model": _model(given)}
    values = {field.name: given[field.name] for field in fields(Settings) if field.name in given}
    for name, part in _PARTS.items():
        values[name] = part(**{field.name: given[field.name] for field in fields(part) if field.name in given})
    return Settings(**values)
