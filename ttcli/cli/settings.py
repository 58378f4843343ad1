"""`ttc config`: which settings there are, which file or variable makes them, and which directory's file is trusted."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, NamedTuple

import typer

from ttcli.cli.config import (
    KEYS,
    ConfigFile,
    directory_config,
    distrust,
    read_config,
    settings_of,
    trust,
    variable_of,
)
from ttcli.cli.trust import refusal
from ttcli.errors import ConfigError
from ttcli.terminal.messages import remark, say, say_json

config_app = typer.Typer(no_args_is_help=True, help="Settings: show which file makes them, trust a directory's file.")


class _Fact(NamedTuple):
    """A setting as it counts."""

    key: str
    value: Any
    source: str  # a file or a variable
    commands: tuple[str, ...]
    refused: str | None  # why it is not taken


@config_app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Show what files and variables set for solve, verify and bench, and which of them it was.

    Example: ttc config show
    """
    from ttcli.terminal.words import columns

    files = read_config()
    facts = _facts(files)
    if as_json:
        listed = [{"path": str(file.path), "trusted": file.trusted, "sha256": file.sha256} for file in files]
        say_json({"version": 1, "files": listed, "settings": [fact._asdict() for fact in facts]})
    elif facts:
        rows = [(fact.key, json.dumps(fact.value, default=str), fact.source, _remark(fact)) for fact in facts]
        say(*columns([("setting", "value", "from", "for"), *rows]))
    else:
        remark("no file and no variable sets anything")


@config_app.command("trust")
def trust_here(
    remove: Annotated[bool, typer.Option("--remove", help="Trust it no longer.")] = False,
) -> None:
    """Let ./ttc.toml, as it is now, set all that your own settings may; a changed file is trusted no longer.

    Example: ttc config trust
    """
    path = directory_config()
    if remove:
        remark(f"{path.absolute()} is {'no longer' if distrust(path) else 'not'} trusted")
        return
    file = next((each for each in read_config() if each.path == path), None)
    if file is None:
        raise ConfigError("there is no ttc.toml of its own in this directory", hint="ttc config show")
    trust(file)
    remark(f"{path.absolute()} is trusted as it is now")
    for fact in _facts([file]):
        if fact.source == str(path) and refusal(fact.key.replace("-", "_"), fact.value):
            remark(f"  {fact.key} = {json.dumps(fact.value, default=str)}")


def _facts(files: list[ConfigFile]) -> list[_Fact]:
    """What counts, by key; commands that see it alike share a row."""
    found: dict[tuple[str, str, str], _Fact] = {}
    for command, keys in KEYS.items():
        settings = settings_of(command, files)
        for key in keys:
            name, variable = key.replace("-", "_"), variable_of(key)
            refused = None
            if variable is not None and variable in os.environ:
                value, source = os.environ[variable], variable
            elif name in settings:
                value, file = settings[name]
                source = str(file.path)
                refused = None if file.trusted else refusal(name, value)
            else:
                continue
            known = found.get((key, str(value), source))
            commands = (*known.commands, command) if known else (command,)
            found[key, str(value), source] = _Fact(key, value, source, commands, refused)
    return sorted(found.values(), key=lambda fact: (fact.key, fact.commands))


def _remark(fact: _Fact) -> str:
    refused = f"; refused: it {fact.refused} (ttc config trust)" if fact.refused else ""
    return ", ".join(fact.commands) + refused
