"""How options are declared: a TTC_ variable beside each, and the seldom used ones behind --help-more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperOption

from ttcli.cli import complete
from ttcli.errors import StoreError, UsageError
from ttcli.terminal.messages import remark, say

if TYPE_CHECKING:
    from ttcli.bench.store.store import Store
    from ttcli.runtime.settings import Settings


_COMPLETED = {
    "--method": complete.methods,
    "--verifier": complete.verifiers,
    "--model": complete.models,
    "--profile": complete.profiles,
    "--prompt": complete.prompts,
    "--reviser": complete.revisers,
}


def option(*names: str, env: str | None, says: str, more: bool = False, default: str | bool = True) -> Any:
    """An option that a TTC_ variable can set too; `more`: only --help-more shows it; `default`: as --help puts it.

    What the shell may complete it to hangs on its name.
    """
    return typer.Option(
        *names,
        envvar=f"TTC_{env}" if env else None,
        show_envvar=False,
        show_default=default,
        help=says,
        autocompletion=_COMPLETED.get(names[0] if names else "", _COMPLETED.get(f"--{(env or '').lower()}")),
        hidden=more,
        rich_help_panel="More options" if more else None,
    )


def _show_more(context: typer.Context, wanted: bool) -> None:
    if wanted:
        for parameter in context.command.params:
            if isinstance(parameter, TyperOption):
                parameter.hidden = False
        say(context.get_help())
        raise typer.Exit


Limit = Annotated[int | None, option("--limit", env=None, says="Only the first so many problems.")]
Sample = Annotated[int | None, option("--sample", env=None, says="So many problems, drawn by the seed.")]
SkipBad = Annotated[bool, option("--skip-bad", env=None, says="Leave out bad rows.", more=True)]
RetryFailed = Annotated[bool, option("--retry-failed", env=None, says="Try those again.", more=True)]
Ray = Annotated[
    str | None,
    option("--ray", env="RAY", says="Spread over workers: local:2, or a Ray cluster's HOST:6379.", more=True),
]
DryRun = Annotated[bool, option("--dry-run", env=None, says="Only say what it would take.")]
OnlyTables = Annotated[bool, option("--quiet", "-q", env="QUIET", says="Nothing but the tables.")]
DataFile = Annotated[
    str,
    typer.Argument(metavar="FILE|-|hf:OWNER/NAME", help="JSONL, JSON, CSV, Parquet or a data set of Hugging Face."),
]
Columns = Annotated[
    str | None,
    option("--map", env=None, says="Which columns are what: problem=question,answer=target.", more=True),
]
# no variable: set once and for all, it would be in the way of every method that revises nothing
Ratio = Annotated[
    str | None, option("--ratio", env=None, says="Of revise: length to number of chains, as 1/4, 1 or 4.", more=True)
]
Profile = Annotated[
    str | None,
    option(
        "--profile",
        env="PROFILE",
        says="That --method auto goes by, or none; left out: the one in use, or the latest that fits.",
        more=True,
    ),
]
More = Annotated[bool, typer.Option("--help-more", callback=_show_more, is_eager=True, help="All options.")]
StorePath = Annotated[
    str | None, option("--store", env="STORE", says="The file of runs; in ttc's data directory if left out.")
]


def store_path(chosen: str | None) -> Path:
    """The file of runs: the one chosen, or that in ttc's data directory."""
    from ttcli.files.paths import store_file

    return Path(chosen).expanduser() if chosen else store_file()


def open_store(chosen: str | None, *, readonly: bool = False) -> Store:
    """The store that is there; what is odd in it is told on stderr.

    Raises:
        StoreError: it cannot be used.
    """
    from ttcli.bench.store.store import Store

    return Store(store_path(chosen), readonly=readonly, notice=remark)


def with_ratio(methods: Sequence[str], ratio: str | None) -> list[str]:
    """The methods, `revise` among them with the ratio of its chains where one is given.

    Raises:
        UsageError: it is not among them.
    """
    revising = [name.partition(":")[0] == "revise" for name in methods]
    if ratio is None:
        return [*methods]
    if not any(revising):
        raise UsageError("--ratio is about chains of revisions, and there are none here", hint="--method revise")
    pairs = zip(methods, revising, strict=True)
    return [f"{name}{',' if ':' in name else ':'}ratio={ratio}" if revises else name for name, revises in pairs]


def advised(settings: Settings, wanted: str | None, *, quiet: bool) -> Settings:
    """The settings with the profile that --method auto goes by, if there is one."""
    from dataclasses import replace

    from ttcli.runtime.profiles import find_profile
    from ttcli.terminal.download import download_progress

    return replace(settings, profile=find_profile(settings, wanted, download_progress(quiet=quiet)))


def tell_unadvised(settings: Settings, wanted: str | None) -> None:
    """A line on stderr where --method auto had to do without a profile, though none was refused; not every time."""
    from ttcli.runtime.profiles import MAKE, worth_a_hint

    if settings.profile is None and wanted is None and worth_a_hint(settings.model or settings.policy or ""):
        remark(f"hint: no profile fits, so majority until its vote is settled; {MAKE}")


def confirm(question: str, command: str, *, yes: bool) -> None:
    """Ask before something is deleted, unless `yes`.

    Raises:
        UsageError: here is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{command} asks before it deletes, and here is nobody to ask", hint="add --yes")
    typer.confirm(question, abort=True, err=True)


def refuse_damage(rows: Sequence[str]) -> None:
    """Complain about rows of a store that are not what was written; the figures have been told.

    Raises:
        StoreError: there are some.
    """
    if rows:
        more = f" and {len(rows) - 1:,} more rows" if len(rows) > 1 else ""
        raise StoreError(
            f"{rows[0]}{more} in the store cannot be what was written, so figures may be wrong",
            hint="bring back an older copy of the store, or ttc runs rm RUN --samples and run it again",
        )


def check_picture(path: Path) -> None:
    """Complain before the work, not after it, about a picture that cannot be written."""
    check_output(path, (".png", ".svg"))


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """Complain about a file with another suffix, or in a directory that is not there."""
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path} must end in {' or '.join(suffixes)}", hint=f"{path.with_suffix(suffixes[0])}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no directory {path.absolute().parent}", hint="make it first")
