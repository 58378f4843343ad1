"""Verifier heads by name: those shipped with ttc, those trained on this machine, and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ttcli.catalog.entry import head_folder
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.stored import LocalModel
from ttcli.errors import ModelError, UsageError
from ttcli.files.paths import heads_dir
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.verifier.head import Head
    from ttcli.verifier.stack import Stack

SUFFIX = ".safetensors"
SEARCHES = 0.58  # the AUC within a problem, of prefixes, below which a search prunes on next to nothing
_CHANCE = 0.5  # the AUC of who tosses a coin
_TRAIN = "train one: ttc train verifier --help"


class LocalHead(NamedTuple):
    """A head on this machine."""

    name: str  # as the user calls it
    path: Path
    head: Head | Stack

    @property
    def shipped(self) -> bool:
        """Whether it came with ttc."""
        return self.path.parent == head_folder()

    @property
    def helps(self) -> bool:
        """Whether its card shows that it ranks solutions of a problem better than chance: its AUC, by the interval."""
        figure = self.head.card.get("figures", {}).get("auc_within") or {}
        interval = figure.get("interval")
        return interval is not None and interval[0] > _CHANCE

    @property
    def quarters(self) -> list[float | None]:
        """Its AUC within problems at 25, 50, 75 and 100 % of the steps, as its card has it; []: that does not."""
        return list(self.head.card.get("figures", {}).get("auc_within_by_quarters") or [])

    @property
    def sha256(self) -> str:
        """Of the file: equal hashes, equal scores."""
        return sha256(self.path.read_bytes()).hexdigest()


def head_files() -> dict[str, Path]:
    """The heads known by name; one trained here goes before one that is shipped under the same name."""
    files = [file for folder in (head_folder(), heads_dir()) for file in sorted(folder.glob(f"*{SUFFIX}"))]
    return {file.name.removesuffix(SUFFIX): file for file in files}


def doubts(specs: Sequence[VerifierSpec], local: LocalModel | None, notice: Callable[[str], None]) -> None:
    """Tell of verifiers that cannot tell partial solutions apart, to whoever has a search prune by them.

    Args:
        local: the policy's model, where that is on this machine.
    """
    for spec in specs:
        quarters: Sequence[float | None] = ()
        if spec.kind == "arithmetic":
            from ttcli.verifier.arithmetic import AUC_BY_QUARTERS

            quarters = AUC_BY_QUARTERS
        elif spec.kind == "head":
            quarters = find_head(spec.model, fingerprint(local) if local else None).quarters
        known = [value for value in quarters[:-1] if value is not None]
        if known and min(known) < SEARCHES:
            told = ", ".join("-" if value is None else f"{value:.2f}" for value in quarters)
            notice(
                f"warning: {spec} hardly ranks partial solutions: its AUC within a problem is {told} at 25, 50, 75 and "
                f"100 % of the steps, and a search pays from about {SEARCHES}; --method best-of-n asks it at the end"
            )


def heads_for(weights: str, notice: Callable[[str], None] = lambda _: None) -> list[LocalHead]:
    """The heads known by name that were made for the model with this SHA-256; `notice` hears of files that are none."""
    return [head for head in known_heads(notice) if head.head.weights == weights]


def known_heads(notice: Callable[[str], None] = lambda _: None) -> list[LocalHead]:
    """The heads known by name; `notice` hears of files that are none."""
    found = []
    for name, path in head_files().items():
        try:
            found.append(_read(name, path))
        except ModelError as error:
            notice(f"warning: {error}; it is passed over")
    return found


def remove_head(name: str) -> Path:
    """Delete a head that was trained here; the file that went.

    Raises:
        ModelError: there is none, or it cannot be deleted.
    """
    path = heads_dir() / f"{name}{SUFFIX}"
    own = sorted(file.name.removesuffix(SUFFIX) for file in heads_dir().glob(f"*{SUFFIX}"))
    if name not in own:
        raise ModelError(
            f"no head {name!r} was trained here", hint=f"one of {', '.join(own)}" if own else "ttc models heads list"
        )
    try:
        path.unlink()
    except OSError as error:
        raise ModelError(f"{path} cannot be deleted: {error.strerror}", hint="delete it by hand") from error
    return path


def find_head(name: str | None, weights: str | None, notice: Callable[[str], None] = lambda _: None) -> LocalHead:
    """The head of this name, or at this path; without a name, the only one that helps the model with this SHA-256.

    Those trained here go before those that are shipped; whether one helps, its card says.

    Raises:
        UsageError: without a name: several serve, or none could because there is no model on this machine.
        ModelError: there is none, or the file is no head.
    """
    if name is not None:
        return _named(name)
    if weights is None:
        raise UsageError("which head is to verify what a server writes?", hint="--verifier head:NAME")
    found = heads_for(weights, notice)
    if not found:
        raise ModelError("there is no verifier head for this model", hint=_TRAIN)
    helpful = [each for each in found if each.helps]
    if not helpful:
        raise ModelError(
            f"no verifier head for this model is known to help: {', '.join(each.name for each in found)} may be chance",
            hint=f"--verifier head:{found[0].name} takes it all the same; more problems train a better one",
        )
    nearest = [each for each in helpful if not each.shipped] or helpful
    if len(nearest) > 1:
        names = ", ".join(f"head:{each.name}" for each in nearest)
        raise UsageError(f"there are several heads for this model: {names}", hint=f"--verifier head:{nearest[0].name}")
    return nearest[0]


def _named(name: str) -> LocalHead:
    if "/" in name or name.endswith(SUFFIX):
        return _read(name, Path(name).expanduser())
    known = head_files()
    if name not in known:
        hint = f"one of {', '.join(known)}, or a path" if known else _TRAIN
        raise ModelError(f"there is no verifier head {name!r}", hint=hint)
    return _read(name, known[name])


def _read(name: str, path: Path) -> LocalHead:
    from ttcli.verifier.head_file import read_head  # numpy: not before it is needed

    return LocalHead(name, path, read_head(path))
