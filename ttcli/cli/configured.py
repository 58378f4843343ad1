"""A command whose settings may come from files: what they set is said, and what they may not set is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from ttcli.cli.config import Setting, directory_config, odd_variables
from ttcli.cli.trust import refusal
from ttcli.errors import ConfigError

if TYPE_CHECKING:
    from typer._click import Context

_FROM_A_FILE = "DEFAULT_MAP"  # where Typer's own Click says that a value comes from


class Configured(TyperCommand):
    """A command of `ttc`."""

    def invoke(self, context: Context) -> Any:
        """Run it, unless a file that is not trusted sets what it may not."""
        settings: Mapping[str, Setting] = context.find_root().obj or {}
        used = {name: setting for name, setting in settings.items() if _is_used(context, name)}
        check(used)
        if not context.params.get("quiet"):
            _tell(used)
        return super().invoke(context)


def _is_used(context: Context, name: str) -> bool:
    """Whether neither the command line nor a variable goes before it."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == _FROM_A_FILE


def check(settings: Mapping[str, Setting]) -> None:
    """Refuse what a directory's file sets, unless it does no harm or the user trusts the file.

    Raises:
        ConfigError: there is such a setting.
    """
    for name, (value, file) in settings.items():
        if not file.trusted and (why := refusal(name, value)):
            key = name.replace("_", "-")
            raise ConfigError(
                f"{file.path} sets {key} = {str(value)!r}, which {why}: not from a file of the working directory",
                hint=f"read the file; ttc config trust lets it, --{key} on the command line goes before it",
            )


def _tell(settings: Mapping[str, Setting]) -> None:
    """A line on stderr about each mistyped variable and, on a terminal, about each file that has a say."""
    from ttcli.terminal.messages import remark

    for line in odd_variables():
        remark(f"warning: {line}")
    if _on_a_terminal():
        keys: dict[Path, list[str]] = {}
        for name, (_, file) in settings.items():
            keys.setdefault(file.path, []).append(name.replace("_", "-"))
        for path, names in keys.items():
            shown = f"./{path}" if path == directory_config() else path
            remark(f"settings: {shown} ({', '.join(names)})")


def _on_a_terminal() -> bool:
    return sys.stderr.isatty()
