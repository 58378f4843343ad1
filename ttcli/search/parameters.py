"""What may be written after a method's name, `beam:m=4,n=32` or `revise:ratio=1/4`, and what a budget makes of it."""

# over 300 lines: what may be written after each kind of method, and how it is read, belong together

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError

Proposer = Literal["best-of-n", "beam"]
Beginning = Literal["nothing", "step"]  # of a revision: anew, or before the most doubtful step of the last attempt
TreeVote = Literal["weighted", "lineage", "best", "places"]  # places: of a population, and nothing to choose

BEAMS = 16  # where neither the budget nor `n` says how many
FLOOR = 0.05  # a solution that states a false equation is right in 1 of 64 cases, and `arithmetic` scores it 0.04
_FEW = 16  # beams up to which each prefix that is kept gets FEW_STEPS: fewer, and the last vote is over copies of two
_FEW_STEPS, _MANY_STEPS = 2, 4
_MOST = 1024  # beams: all are drawn side by side


class Setting(NamedTuple):
    """A setting that a user may write."""

    read: Callable[[str], Any]  # None: the text is none
    wanted: str  # what it must be
    example: str


def read_settings(name: str, settings: str, known: Mapping[str, Setting]) -> dict[str, Any]:
    """What a user wrote after the name of a method, `k=3,m=4`, by key.

    Raises:
        UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
    """
    form = f"{name}:{','.join(f'{key}={setting.example}' for key, setting in known.items())}"
    found: dict[str, Any] = {}
    for part in settings.split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in known:
            raise UsageError(f"{name} has no setting {key!r}", hint=form)
        if key in found:
            raise UsageError(f"{name} is given {key} twice", hint=form)
        if (read := known[key].read(value)) is None:
            raise UsageError(f"{key} of {name} must be {known[key].wanted}, not {value!r}", hint=form)
        found[key] = read
    return found


@dataclass(frozen=True, slots=True)
class TreeParameters:
    """How a search down a tree is set; None, but for n: it has no such parameter."""

    k: int | None = None  # steps to look ahead, at least 1
    # steps from each prefix that is kept, at least 1; sqrt: of the beams; usual: by their number, see `usual_steps`
    m: int | Literal["sqrt", "usual"] | None = None
    t: float | None = None  # temperature at which scores become shares, above 0
    n: int | None = None  # beams, at least 1; None: as many as the budget says
    floor: float = FLOOR  # a prefix scored below it is given up, from 0 to 1
    vote: TreeVote = "weighted"  # over the solutions that finished

    def turned(self, name: str, settings: str) -> TreeParameters:
        """These with what a user wrote after the name of the method, `k=3,m=4`.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        found = read_settings(name, settings, {key: _SETTINGS[key] for key in self._keys})
        return replace(self, **found)

    def text(self, usual: TreeParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        before = {**asdict(usual), "n": BEAMS}
        changed = {key: value for key, value in asdict(self).items() if value not in (None, before[key])}
        return ",".join(f"{key}={str(value).removesuffix('.0')}" for key, value in changed.items())

    def sizes(self, name: str, budget: Budget) -> Mapping[str, int | float | str]:
        """The arguments of the method: `beams`, `floor`, and `expand`, `ahead`, `temperature`, `rule` if it has them.

        Raises:
            UsageError: the budget is too small, cannot be divided as asked, or is at odds with `n`.
        """
        beams = self._beams(name, budget)
        sizes: dict[str, int | float | str] = {"beams": beams, "floor": self.floor}
        if self.m is not None:
            sizes["expand"] = nearest_root(beams) if self.m == "sqrt" else self._steps(beams)
        if self.vote != "places":
            sizes["rule"] = self.vote
        if self.k is not None:
            sizes["ahead"] = self.k
        if self.t is not None:
            sizes["temperature"] = self.t
        return sizes

    def beside(self, name: str, budget: Budget) -> int:
        """Prefixes that grow side by side; raises as `sizes` does."""
        return int(self.sizes(name, budget)["beams"])

    @property
    def stepwise(self) -> bool:
        """Whether it is about a search that draws and scores step by step."""
        return True

    @property
    def _keys(self) -> list[str]:
        return [key for key, value in asdict(self).items() if (value is not None and value != "places") or key == "n"]

    def _steps(self, beams: int) -> int:
        """From each prefix that is kept, before they are matched with the beams."""
        return self.m if isinstance(self.m, int) else usual_steps(beams) if self.m == "usual" else 1

    def _beams(self, name: str, budget: Budget) -> int:
        each = 1 + (self.k or 0)  # generations that a beam counts for
        counted = budget.unit is Unit.GENERATIONS
        beams = int(budget.amount) // each if counted else self.n or BEAMS
        m = self._steps(beams)
        if not 1 <= beams <= _MOST or beams % m:
            fitting = min(m * max(1, round(beams / m)), _MOST // m * m)
            takes = f"beams in multiples of {m}" if m > 1 else "at least 1 beam"
            if beams > _MOST:
                takes = f"at most {_MOST} beams"
            share = f", at {each} generations a beam" if each > 1 else ""
            given = f"; a budget of {budget} makes {beams}{share}" if counted else f", not n={beams}"
            wanted = f"{name}:{replace(self, n=fitting).text(TreeParameters(m='usual', vote=self.vote))}"
            raise UsageError(
                f"{name} takes {takes}{given}", hint=f"--budget {fitting * each}" if counted else f"--method {wanted}"
            )
        if counted and self.n not in (None, beams):
            raise UsageError(
                f"{name} has {beams} beams with a budget of {budget}, not n={self.n}",
                hint=f"leave n out, or --budget {(self.n or 1) * each}",
            )
        return beams


def usual_steps(beams: int) -> int:
    """M where nothing else is said: 2 up to 16 beams, then 4, or 2 where 4 do not divide them; measured, see docs."""
    return _MANY_STEPS if beams > _FEW and beams % _MANY_STEPS == 0 else _FEW_STEPS


def nearest_root(number: int) -> int:
    """The divisor of a number that is nearest to its square root, the smaller of two."""
    small = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    root = math.sqrt(number)
    return min((*small, *(number // divisor for divisor in small)), key=lambda divisor: (abs(divisor - root), divisor))


def whole(text: str) -> int | None:
    """A count of at least 1; None where the text is none."""
    number = int(text) if text.isdecimal() and len(text) < 9 else 0
    return number if 1 <= number <= _MOST else None


def _whole_or_root(text: str) -> int | str | None:
    return "sqrt" if text == "sqrt" else whole(text)


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _share(text: str) -> float | None:
    number = 0.0 if text in {"0", "0.0"} else _positive(text)
    return number if number is not None and number <= 1 else None


def _tree_vote(text: str) -> str | None:
    return text if text in ("weighted", "lineage", "best") else None


_SETTINGS: Mapping[str, Setting] = {
    "k": Setting(whole, f"from 1 to {_MOST}", "1"),
    "m": Setting(_whole_or_root, f"from 1 to {_MOST}, or sqrt", "4"),
    "t": Setting(_positive, "above 0", "0.2"),
    "n": Setting(whole, f"from 1 to {_MOST}", f"{BEAMS}"),
    "floor": Setting(_share, "from 0 to 1", "0.05"),
    "vote": Setting(_tree_vote, "weighted, lineage or best", "weighted"),
}


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """How chains of revisions are set: N generations are sqrt(N / R) chains of sqrt(N R) attempts each."""

    ratio: Fraction | None = None  # R, length to number of chains; None: nearest to 1, and rather longer chains
    begins: Beginning = "nothing"
    # attempts are in view up to their first step scored below it, which is told, above 0, at most 1; None: as they are
    tell: float | None = None
    n: int | None = None  # N, at least 1; None: as many as the budget says

    def turned(self, name: str, settings: str) -> ChainParameters:
        """These with what a user wrote after the name of the method.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        found = read_settings(name, settings, _CHAINS)
        turned = replace(self, **{"begins" if key == "from" else key: value for key, value in found.items()})
        if turned.tell is not None and turned.begins == "step":
            raise UsageError(
                "attempts that begin from a step see none before them: from=step has nothing to tell",
                hint=f"{name}:tell={FLOOR}, or {name}:from=step",
            )
        return turned

    def text(self, usual: ChainParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        told = [] if self.ratio == usual.ratio else [f"ratio={self.ratio}"]
        told += [] if self.begins == usual.begins else [f"from={self.begins}"]
        told += [] if self.tell is None else [f"tell={str(self.tell).removesuffix('.0')}"]
        return ",".join([*told, *_told_n(self.n)])

    def sizes(self, name: str, budget: Budget) -> Mapping[str, Any]:
        """The arguments of the method: `chains`, their `length`, and how they begin and what is told where that is set.

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
        sizes: dict[str, Any] = {"chains": n // length, "length": length}
        sizes |= {} if self.begins == "nothing" else {"begins": self.begins}
        return sizes if self.tell is None else {**sizes, "tell": self.tell}

    def beside(self, name: str, budget: Budget) -> int:
        """Chains; raises as `sizes` does."""
        return int(self.sizes(name, budget)["chains"])

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


def _beginning(text: str) -> str | None:
    return text if text in ("nothing", "step") else None


def _proposer(text: str) -> str | None:
    return text if text in ("best-of-n", "beam") else None


_N = Setting(whole, "a whole number from 1 on", f"{BEAMS}")
_CHAINS = {
    "ratio": Setting(_ratio, "above 0, such as 1/4, 1 or 4", "1/4"),
    "n": _N,
    "from": Setting(_beginning, "nothing or step", "nothing"),
    "tell": Setting(lambda text: _share(text) or None, "above 0, at most 1", f"{FLOOR}"),
}
_HALVES = {"by": Setting(_proposer, "best-of-n or beam", "beam"), "n": _N}
