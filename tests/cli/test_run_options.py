"""The options that commands share."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any

import pytest

from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.errors import UsageError


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


class Weights:
    """In the place of those that are being read."""

    abandoned = False

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.abandoned = True


def reading(*, settings: Any, early: Any) -> int:
    assert early is None or not early.abandoned
    return 0 if early is None else 1


reading.__annotations__.update(settings="Settings", early="Reading | None")
read = run_options()(reading)
OTHERS = {
    name: parameter.default
    for name, parameter in inspect.signature(read).parameters.items()
    if name not in {"model", "policy", "gpu_layers", "_more"}
}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Weights]]:
    """What is read early: names and weights."""
    found: list[tuple[str, Weights]] = []

    def early(name: str, *, gpu_layers: int | None) -> Weights:
        assert gpu_layers == 3
        found.append((name, Weights()))
        return found[-1][1]

    monkeypatch.setattr("ttcli.runtime.reading.read_early", early)
    return found


def test_a_command_may_have_the_weights_before_its_settings_are_checked(begun: list[tuple[str, Weights]]) -> None:
    assert read(model="m", policy=None, gpu_layers=3, **OTHERS) == 1
    with pytest.raises(UsageError):
        read(model=None, policy=None, gpu_layers=3, **{**OTHERS, "seed": -1})
    assert [(name, weights.abandoned) for name, weights in begun] == [("m", True), ("qwen2.5-coder-0.5b", True)]


def test_of_a_server_no_weights_are_read(begun: list[tuple[str, Weights]]) -> None:
    assert read(model=None, policy="http://localhost:1/v1", gpu_layers=3, **OTHERS) == 0
    assert not begun
