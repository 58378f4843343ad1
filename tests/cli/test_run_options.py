"""The options that commands share."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

from ttcli.cli.options import option
from ttcli.cli.run_options import run_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    depth: Annotated[int, option("--depth", env=None, says="Of the well.")] = 3
    quiet: Annotated[bool, option("--quiet", env=None, says="Nothing.")] = False


def command(*, data: str, settings: Any, samples: int = 4, shared: Shared, last: int = 1) -> int:
    return samples + 10 * shared.depth + (100 if shared.quiet else 0)


command.__annotations__["settings"] = "Settings"
wrapped = run_options(leave_out=("policy",))(command)


def test_the_fields_of_a_dataclass_are_options_where_it_stands() -> None:
    parameters = inspect.signature(wrapped).parameters
    assert [*parameters][:6] == ["data", "model", "samples", "depth", "quiet", "last"]
    assert (parameters["depth"].default, parameters["depth"].kind) == (3, inspect.Parameter.KEYWORD_ONLY)
    assert parameters["depth"].annotation.__metadata__[0].help == "Of the well."


def test_a_command_gets_the_dataclass_with_what_was_chosen() -> None:
    assert wrapped(data="d", model="m", samples=2, depth=7, quiet=True, last=0) == 172
