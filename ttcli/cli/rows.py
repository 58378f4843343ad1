"""The problems that a command is to work on; bad rows that are left out are told on stderr."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.data.dataset import Row
    from ttcli.data.rows import BadRow


class ChosenRows(NamedTuple):
    """The problems chosen of a data set."""

    data: str  # name of the data set
    rows: tuple[Row, ...]


def choose_rows(
    data: str,
    *,
    graded: bool = True,
    skip_bad: bool,
    limit: int | None,
    sample: int | None,
    seed: int,
    columns: str | None = None,
    offline: bool = False,
) -> ChosenRows:
    """Read a data set, and choose of its problems.

    Raises:
        DatasetError, UsageError: as `read_dataset` and `select` do.
    """
    from ttcli.data.dataset import read_dataset, select
    from ttcli.data.hub import HUB

    tell_waiting(data)
    if data.startswith(HUB):
        tell_hub(data, offline=offline)
    dataset = read_dataset(data, graded=graded, skip_bad=skip_bad, limit=limit, columns=columns)
    rows = select(dataset.rows, limit=limit, sample=sample, seed=seed)
    tell_bad(dataset.bad)
    if dataset.left_out:
        names = ", ".join(f"`{name}`" for name in dataset.left_out)
        remark(f"warning: {dataset.name}: not used, though it looks like part of the question: {names}")
    return ChosenRows(dataset.name, rows)


def tell_waiting(source: str) -> None:
    """A line where the file is a pipe: it is read when somebody writes, and that may be never."""
    if Path(source).is_fifo():
        remark(f"waiting for somebody to write to {source}")


def tell_hub(source: str, *, offline: bool) -> None:
    """A line about what is read through `datasets`, and from where; offline, nothing is fetched."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    place = "from what was fetched before" if offline else "from this machine or the Hugging Face hub"
    remark(f"reading {source} {place}")


def tell_bad(rows: Iterable[BadRow]) -> None:
    """A line for each row that is left out."""
    for bad in rows:
        remark(f"{bad.place} {bad.line} left out: {bad.reason}")
