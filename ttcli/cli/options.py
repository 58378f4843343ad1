"""How options are declared: a TTC_ variable beside each, and the seldom used ones behind --help-more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperOption


def option(*names: str, env: str | None, says: str, more: bool = False) -> Any:
    """An option that a TTC_ variable can set too; `more`: only --help-more shows it."""
    panel = "More options" if more else None
    variable = f"TTC_{env}" if env else None
    return typer.Option(*names, envvar=variable, show_envvar=False, help=says, hidden=more, rich_help_panel=panel)


def _show_more(context: typer.Context, wanted: bool) -> None:
    if wanted:
        for parameter in context.command.params:
            if isinstance(parameter, TyperOption):
                parameter.hidden = False
        print(context.get_help())
        raise typer.Exit


Temperature = Annotated[float, option("--temperature", "-t", env="TEMPERATURE", says="0: always the likeliest token.")]
MaxTokens = Annotated[int, option("--max-tokens", env="MAX_TOKENS", says="Of one solution.")]
Offline = Annotated[bool, option("--offline", env="OFFLINE", says="Never fetch a model.")]
TopK = Annotated[int, option(env="TOP_K", says="Draw from the k likeliest tokens; 0: off.", more=True)]
TopP = Annotated[float, option(env="TOP_P", says="Of this much probability; 1: off.", more=True)]
MinP = Annotated[float, option(env="MIN_P", says="Relative to the likeliest; 0: off.", more=True)]
Width = Annotated[int | None, option(env="WIDTH", says="Texts in one batch.", more=True)]
Threads = Annotated[int | None, option(env="THREADS", says="CPU threads.", more=True)]
GpuLayers = Annotated[int | None, option(env="GPU_LAYERS", says="Layers on the GPU.", more=True)]
More = Annotated[bool, typer.Option("--help-more", callback=_show_more, is_eager=True, help="The other options too.")]
StorePath = Annotated[
    str | None, option("--store", env="STORE", says="The file that holds runs; its place is ttc's data directory.")
]


def store_path(chosen: str | None) -> Path:
    """The file of runs: the one chosen, or that in ttc's data directory."""
    from ttcli.catalog.home import home

    return Path(chosen).expanduser() if chosen else home() / "runs.sqlite3"
