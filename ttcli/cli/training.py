"""What the commands of `ttc train` have in common: the file that each writes, and what it is to be trained from."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ttcli.cli.options import option
from ttcli.cli.rows import choose_rows
from ttcli.errors import UsageError

if TYPE_CHECKING:
    from ttcli.runtime.settings import Settings
    from ttcli.train.spec import TrainSpec

Data = Annotated[str, typer.Argument(metavar="FILE", help="JSONL, gzipped or not, with problems and answers.")]
HeldOut = Annotated[float, option("--held-out", env=None, says="Part of the problems to judge it by.")]
StoreFile = Annotated[
    str | None, option("--store", env="STORE", says="The file of samples; that of ttc bench if left out.", more=True)
]


class Product(NamedTuple):
    """What a training writes."""

    article: str
    noun: str
    folder: Path  # of those that have a name alone
    suffix: str
    usual: str  # its name where none is given
    only: bool = False  # whether no other suffix will do


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What it is to be trained from, as the options say."""

    data: str
    samples: int
    rollouts: int
    solutions: Path | None
    held_out: float
    limit: int | None
    sample: int | None
    skip_bad: bool
    states: bool = True  # whether hidden states are looked at


def usual_name(settings: Settings) -> str:
    """What a product is called after, where nobody gives it a name: the model, or "server"."""
    return Path(settings.model or "server").name.removesuffix(".gguf")


def target_of(product: Product, output: str | None) -> Path:
    """The file to write: a name is one in the folder of its like."""
    if output == "":
        raise UsageError("--output names nothing", hint=f"-o my-{product.noun}")
    if output and ("/" in output or output.endswith(product.suffix)):
        return Path(output).expanduser()
    return product.folder / f"{output or product.usual}{product.suffix}"


def check_target(target: Path, product: Product, *, force: bool) -> None:
    """Complain before the work, not after it, about what cannot be written."""
    article, noun, suffix = product.article, product.noun, product.suffix
    if target.is_dir():
        raise UsageError(f"{target} is a directory", hint=f"-o {target / f'{noun}{suffix}'}")
    if product.only and target.suffix != suffix:
        raise UsageError(f"{target} must end in {suffix}", hint=f"-o {target}{suffix}")
    if target.exists() and not force:
        raise UsageError(
            f"there is {article} {noun} {target} already", hint="--force replaces it; -o NAME writes another"
        )
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{target} cannot be written: {above} is no directory to write in", hint="-o another place")


def check_number(name: str, number: int, least: int, usual: int) -> None:
    """Complain about an option below its least number; `usual` is one that will do."""
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {number}", hint=f"{name} {usual}")


def check_named(data: str, noun: str) -> None:
    """Complain about a data set without a name."""
    if data == "-":
        raise UsageError(f"the data set is to be named in the {noun}'s card, so it cannot be stdin", hint="name a file")


def train_spec(settings: Settings, asked: DataOptions, what: str) -> TrainSpec:
    """The problems with their solutions, some held out; `what`: is trained, for messages.

    Raises:
        UsageError, DatasetError: there are too few, or the file of one of them cannot be used.
    """
    from ttcli.data.solutions import read_given
    from ttcli.train.spec import Source, TrainSpec, split

    name, rows = choose_rows(
        asked.data,
        skip_bad=asked.skip_bad,
        limit=asked.limit,
        sample=asked.sample,
        seed=settings.seed,
        offline=settings.offline,
    )
    return TrainSpec(
        settings,
        Source(name, hashlib.sha256(Path(asked.data).read_bytes()).hexdigest()),
        rows,
        asked.samples,
        split(rows, asked.held_out, seed=settings.seed, what=what),
        ("ttc", *sys.argv[1:]),
        asked.rollouts,
        read_given(asked.solutions, rows) if asked.solutions else None,
        asked.states,
    )
