"""How a budget is divided between solutions drawn side by side and revisions of them, as in `revise:ratio=1/4,n=64`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.dials import BEAMS, Setting, read_settings, whole

Proposer = Literal["best-of-n", "beam"]


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """How chains of revisions are set: N generations are sqrt(N / R) chains of sqrt(N R) attempts each."""

    ratio: Fraction | None = None  # R, length to number of chains; None: nearest to 1, and rather longer chains
    n: int | None = None  # N, at least 1; None: as many as the budget says

    def turned(self, name: str, settings: str) -> ChainParameters:
        """These with what a user wrote after the name of the method.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        return replace(self, **read_settings(name, settings, _CHAINS))

    def text(self, usual: ChainParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        told = [] if self.ratio == usual.ratio else [f"ratio={self.ratio}"]
        return ",".join([*told, *_told_n(self.n)])

    def sizes(self, name: str, budget: Budget) -> Mapping[str, int]:
        """The arguments of the method: `chains` and their `length`.

        Raises:
            UsageError: the ratio does not divide the budget, or `n` is at odds with that.
        """
        n = _generations(name, self.n, budget)
        fitting = ratios(n)
        ratio = min(each for each in fitting if each >= 1) if self.ratio is None else self.ratio
        if ratio not in fitting:
            listed = ", ".join(map(str, fitting))
            raise UsageError(
                f"{n} generations make no whole chains at a ratio of {ratio}", hint=f"ratios that fit {n}: {listed}"
            )
        length = math.isqrt(int(n * ratio))
        return {"chains": n // length, "length": length}

    def beside(self, name: str, budget: Budget) -> int:
        """Chains; raises as `sizes` does."""
        return self.sizes(name, budget)["chains"]

    @property
    def stepwise(self) -> bool:
        """Whether it is about a search that draws and scores step by step."""
        return False


@dataclass(frozen=True, slots=True)
class HalfParameters:
    """How a search and the revisions of what it came to are set: each has half of the budget."""

    by: Proposer = "best-of-n"  # what proposes
    n: int | None = None  # generations in all, at least 1; None: as many as the budget says

    def turned(self, name: str, settings: str) -> HalfParameters:
        """These with what a user wrote after the name of the method.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        return replace(self, **read_settings(name, settings, _HALVES))

    def text(self, usual: HalfParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        told = [] if self.by == usual.by else [f"by={self.by}"]
        return ",".join([*told, *_told_n(self.n)])

    def sizes(self, name: str, budget: Budget) -> Mapping[str, int | str]:
        """The arguments of the method: `proposals` and `revisions`, and what makes proposals.

        Raises:
            UsageError: `n` is at odds with the budget.
        """
        n = _generations(name, self.n, budget)
        return {"proposals": n - n // 2, "revisions": n // 2, "by": self.by}

    def beside(self, name: str, budget: Budget) -> int:
        """Beams, where these propose; 0: nothing goes down a tree. Raises as `sizes` does."""
        proposals = int(self.sizes(name, budget)["proposals"])
        return proposals if self.stepwise else 0

    @property
    def stepwise(self) -> bool:
        """Whether it is about a search that draws and scores step by step."""
        return self.by == "beam"


def ratios(generations: int) -> list[Fraction]:
    """The ratios L / C of all chains of length L, C of them, that make up so many generations, ascending.

    For a power of 4 these are the paper's powers of 4, from one attempt per chain to one chain.
    """
    lengths = [length for length in range(1, generations + 1) if generations % length == 0]
    return [Fraction(length * length, generations) for length in lengths]


def _generations(name: str, n: int | None, budget: Budget) -> int:
    if budget.unit is not Unit.GENERATIONS:
        return n or BEAMS
    counted = int(budget.amount)
    if n not in (None, counted):
        raise UsageError(f"{name} draws {counted} with a budget of {budget}, not n={n}", hint="leave n out")
    return counted


def _told_n(n: int | None) -> list[str]:
    return [] if n in (None, BEAMS) else [f"n={n}"]


def _ratio(text: str) -> Fraction | None:
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return number if number > 0 else None


def _proposer(text: str) -> str | None:
    return text if text in ("best-of-n", "beam") else None


_N = Setting(whole, "a whole number from 1 on", f"{BEAMS}")
_CHAINS = {"ratio": Setting(_ratio, "above 0, such as 1/4, 1 or 4", "1/4"), "n": _N}
_HALVES = {"by": Setting(_proposer, "best-of-n or beam", "beam"), "n": _N}
