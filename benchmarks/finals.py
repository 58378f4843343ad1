"""What searches hand to the vote, against as many samples: are the candidates better, and are they as different?

    python benchmarks/finals.py benchmarks/data/methods_qwen2.5-coder-0.5b_gsm8k_test_74.jsonl.gz

It reads what `methods.py --export` writes. Told are, per way and in the mean over problems: how many candidates there
are, the share of them that is right, how often any is, the share that the commonest answer has, how many first steps
they come down from, and the vote over them, each with one vote and each first step with one (where votes are equal,
the mean over those answers). In brackets 95 %, by resampling problems; differences are to the samples. Of samples drawn
with repair it is told how many were mended, and how many of the others came out as another text.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from methods import BASELINE, REPAIRED
from numpy.typing import NDArray

from ttcli.answers import is_correct
from ttcli.answers.vote import majority
from ttcli.solution import Candidate, Ended
from ttcli.stats.intervals import percentile_interval, resamples

SAMPLES = "samples"
Solutions = Sequence[Mapping[str, Any]]
_COLUMNS = ("right", "any right", "commonest answer", "vote", "vote of first steps")


def read(path: Path) -> tuple[dict[int, str], dict[str, dict[int, Solutions]]]:
    """Reference answers by position, and by way and position the candidates of the vote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    references = {row["position"]: row["reference"] for row in rows if row["type"] == "result"}
    ways: defaultdict[str, dict[int, Solutions]] = defaultdict(dict)
    budget = 0
    for row in rows:
        if row["type"] == "result" and row["way"] == BASELINE:
            budget = row["spent"]["generations"]
        elif any("lineage" in each for each in row.get("solutions", ())):
            ways[row["way"]][row["position"]] = row["solutions"]
    drawn: defaultdict[str, defaultdict[int, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["type"] == "sample" and "text" in row and row["number"] < budget:
            drawn[SAMPLES + REPAIRED * row["way"].endswith(REPAIRED)][row["position"]].append(row)
    return references, {**drawn, **ways}


def told(rows: Solutions, reference: str) -> tuple[float, ...]:
    """Of one problem, as `_COLUMNS` has it."""
    candidates = [
        Candidate(at, row.get("text", ""), row.get("answer"), Ended.STOP, row["tokens"], row["logprob"])
        for at, row in enumerate(rows)
    ]
    classes = majority(candidates).votes
    right = [is_correct(each.answer, reference) for each in classes]
    named = [len(each.members) for each in classes]
    own = _first_steps(rows)
    voters = Counter(own)
    shared = [sum(1 / voters[own[at]] for at in each.members) for each in classes]
    return (
        sum(number for number, fits in zip(named, right, strict=True) if fits) / len(rows),
        float(any(right)),
        max(named, default=0) / len(rows),
        _led(named, right),
        _led(shared, right),
    )


def _first_steps(rows: Solutions) -> list[int]:
    """Which one each candidate comes down from; a sample, from its own."""
    return [row.get("lineage", number) for number, row in enumerate(rows)]


def _led(votes: Sequence[float], right: Sequence[bool]) -> float:
    """The share of right ones among the answers with most votes."""
    most = max(votes, default=0.0)
    first = [fits for number, fits in zip(votes, right, strict=True) if number > most - 1e-9]
    return sum(first) / len(first) if first else 0.0


def redrawn(plain: Mapping[int, Solutions], repaired: Mapping[int, Solutions]) -> str:
    """What repair made of the same samples."""
    pairs = [
        (old["text"], new["text"], new["repaired"])
        for at, rows in repaired.items()
        for old, new in zip(plain[at], rows, strict=True)
    ]
    others = [old != new for old, new, mended in pairs if not mended]
    return (
        f"{len(pairs) - len(others):,} of {len(pairs):,} samples were mended; of the {len(others):,} others "
        f"{sum(others):,} are another text than without repair."
    )


def cell(values: NDArray[np.float64], drawn: NDArray[np.float64], *, signed: bool = False) -> str:
    """A mean in percent with its interval."""
    low, high = (100 * end for end in percentile_interval(drawn @ values))
    form = "+.1f" if signed else ".1f"
    return f"{100 * values.mean():{form}} [{low:{form}}, {high:{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    references, ways = read(parser.parse_args().export)
    print(f"| | n | candidates | first steps | {' | '.join(f'{name}, %' for name in _COLUMNS)} |")
    print(f"|---|{'---:|' * (3 + len(_COLUMNS))}")
    found = {name: {at: told(own[at], references[at]) for at in sorted(own)} for name, own in ways.items()}
    for name, own in found.items():
        drawn = resamples(len(own), 0) / len(own)
        values = np.array([*own.values()])
        sizes = np.mean([[len(ways[name][at]), len({*_first_steps(ways[name][at])})] for at in own], axis=0)
        told_sizes = [f"{size:.1f}" for size in sizes]
        print(f"| {name} | {' | '.join((f'{len(own)}', *told_sizes, *(cell(v, drawn) for v in values.T)))} |")
        if name != SAMPLES:
            base = np.array([found[SAMPLES][at] for at in own])
            cells = [cell(each, drawn, signed=True) for each in (values - base).T]
            print(f"| {name}, points over samples | | | | {' | '.join(cells)} |")
    if repaired := ways.get(SAMPLES + REPAIRED):
        print(f"\n{redrawn(ways[SAMPLES], repaired)}")


if __name__ == "__main__":
    main()
