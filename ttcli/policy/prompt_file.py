"""Prompts from files: the words around a problem, examples before it, and what counts as its answer.

A file in TOML has, all but `user` optional:

    about = "what it is for"
    system = "You are a careful mathematician."
    user = "{{ problem }}\nPut the answer within \\boxed{}."     # Jinja
    step_separator = "\n\n"
    answer = "boxed"                                             # as --answer
    [[examples]]
    problem = "What is 2 + 2?"
    solution = "2 + 2 = 4, so \\boxed{4}."

Any other file is the Jinja template `user` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ttcli.answers.form import check_form
from ttcli.errors import ConfigError
from ttcli.files.bounded import PROBLEM, read_file
from ttcli.files.toml import read_toml
from ttcli.policy.prompt import Example, Prompt
from ttcli.policy.wording import around
from ttcli.problem import AnswerForm, Problem

SHIPPED = Path(__file__).parents[1] / "prompts"
_KEYS = {"about": str, "system": str, "user": str, "step_separator": str, "answer": str, "examples": list}
_MARK = "\ue000problem\ue000"
_HINT = "ttc prompts show math prints one that works"


@dataclass(frozen=True, slots=True)
class PromptFile:
    """What a file says."""

    name: str
    about: str
    user: str  # a Jinja template
    system: str | None = None
    step_separator: str | None = None
    answer: AnswerForm | None = None
    examples: tuple[Example, ...] = ()

    def on(self, usual: Prompt) -> Prompt:
        """A model's usual prompt with this in its place."""
        return replace(
            usual,
            user=self.user,
            system=usual.system if self.system is None else self.system,
            step_separator=self.step_separator or usual.step_separator,
            examples=self.examples,
        )


def shipped() -> list[str]:
    """The names of the prompts that come with ttc, the default first."""
    return sorted((path.stem for path in SHIPPED.glob("*.toml")), key=lambda name: (name != "math", name))


def prompt_path(name: str) -> Path:
    """The file of a shipped prompt, or the one that a user names."""
    return SHIPPED / f"{name}.toml" if name in shipped() else Path(name).expanduser()


@lru_cache(maxsize=16)
def read_prompt(name: str) -> PromptFile:
    """Read a shipped prompt, or a file.

    Raises:
        ConfigError: there is none, it is not of this form, or it never mentions the problem.
    """
    path = prompt_path(name)
    if path.suffix == ".toml":
        _, content = read_toml(path)
    else:
        content = {"user": _text(path)}
    return _checked(name, path, content)


def _text(path: Path) -> str:
    try:
        return read_file(path, PROBLEM).decode("utf-8-sig").rstrip("\n")
    except OSError as error:
        hint = f"one of {', '.join(shipped())}, or a file"
        raise ConfigError(f"cannot read the prompt {path}: {error.strerror}", hint=hint) from error
    except UnicodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", hint=_HINT) from error


def _checked(name: str, path: Path, content: Mapping[str, Any]) -> PromptFile:
    for key, value in content.items():
        if key not in _KEYS:
            raise ConfigError(f"{path}: a prompt has no {key}, but {', '.join(_KEYS)}", hint=_HINT)
        if not isinstance(value, _KEYS[key]):
            raise ConfigError(f"{path}: {key} is not {'text' if _KEYS[key] is str else 'a list of tables'}", hint=_HINT)
    if "user" not in content:
        raise ConfigError(f"{path}: there is no `user`, the words around the problem", hint=_HINT)
    found = PromptFile(
        name,
        content.get("about", ""),
        content["user"],
        content.get("system"),
        content.get("step_separator") or None,
        content.get("answer"),
        tuple(_example(each, path) for each in content.get("examples", ())),
    )
    if found.answer is not None:
        check_form(found.answer)
    try:
        told = around(found.user, Problem(_MARK))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", hint=_HINT) from error
    if _MARK not in told:
        raise ConfigError(f"{path} never mentions the problem", hint="write {{ problem }} where it is to stand")
    return found


def _example(table: object, path: Path) -> Example:
    fields = table if isinstance(table, Mapping) else {}
    problem, solution = fields.get("problem"), fields.get("solution")
    if not isinstance(problem, str) or not isinstance(solution, str) or not problem.strip() or not solution.strip():
        raise ConfigError(f"{path}: an example has a problem and a solution, both texts", hint=_HINT)
    return Example(problem.strip(), solution.strip())
