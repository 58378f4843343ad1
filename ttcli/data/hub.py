"""Data sets of the Hugging Face hub, or of a folder in the same form, read by `datasets`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ttcli.errors import DatasetError

HUB = "hf:"
_FORM = "hf:OWNER/NAME, hf:OWNER/NAME:SPLIT or hf:OWNER/NAME:CONFIG:SPLIT"
_SPLITS = ("test", "validation", "train")  # the first of these that is there, unless another one is named


def hub_rows(source: str) -> Iterator[Mapping[str, Any]]:
    """The rows of `hf:owner/name[:config][:split]`, as they come; `hf:FOLDER` reads a folder of this machine.

    Nothing is fetched where `HF_HUB_OFFLINE` is set: what has been fetched before is read then.

    Raises:
        DatasetError: `datasets` is not installed, there is no such data set, configuration or split, or it cannot be
            read.
    """
    name, config, split = _parts(source)
    if find_spec("datasets") is None:
        raise DatasetError(f"{source} needs the package datasets", hint="pip install 'ttcli[hf]'")
    import datasets

    datasets.disable_progress_bars()
    failures = (datasets.exceptions.DatasetsError, OSError, ValueError, RuntimeError)
    stream = not (Path(name).is_dir() or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"))
    try:
        found = datasets.load_dataset(name, config, streaming=stream)
    except failures as error:
        if split is None and config is not None:  # perhaps that was the split
            yield from hub_rows(f"{HUB}{name}::{config}")
            return
        raise DatasetError(f"cannot read {source}: {_reason(error)}", hint=_FORM) from error
    chosen = split or next((each for each in _SPLITS if each in found), next(iter(found), ""))
    if chosen not in found:
        raise DatasetError(f"{source} has no split {chosen!r}, but {', '.join(found)}", hint=_FORM)
    try:
        yield from found[chosen]
    except failures as error:
        raise DatasetError(f"cannot read {source}: {_reason(error)}", hint="the same command tries again") from error


def _parts(source: str) -> tuple[str, str | None, str | None]:
    name, *rest = source.removeprefix(HUB).split(":")
    if not name or len(rest) > 2:
        raise DatasetError(f"{source!r} names no data set", hint=_FORM)
    config, split = (*(part or None for part in rest), None, None)[:2]
    return name, config, split


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
