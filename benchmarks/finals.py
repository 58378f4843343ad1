"""What searches hand to the vote, against as many samples: are the candidates better, and are they as different?

    python benchmarks/finals.py benchmarks/data/methods_qwen2.5-coder-0.5b_gsm8k_test_74.jsonl.gz

It reads what `methods.py --export` writes. Told are, per way and in the mean over problems: how many candidates there
are, the share of them that is right, how often any is, the share that the commonest answer has, how many first steps
they come down from, and the vote over them, each with one vote and each first step with one (where votes are equal,
the mean over those answers). In brackets 95 %, by resampling problems; differences are to the samples.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import is_correct
from ttcli.answers.equal import equivalent
from ttcli.stats.intervals import percentile_interval, resamples

SAMPLES = "samples"
Candidates = Sequence[Mapping[str, Any]]
_COLUMNS = ("right", "any right", "commonest answer", "vote", "vote of first steps")


def read(path: Path) -> tuple[dict[int, str], dict[str, dict[int, Candidates]]]:
    """Reference answers by position, and by way and position the candidates of the vote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    references = {row["position"]: row["reference"] for row in rows if row["type"] == "result"}
    ways: defaultdict[str, dict[int, Candidates]] = defaultdict(dict)
    budget = 0
    for row in rows:
        if row["type"] == "result" and row["way"] == "majority":
            budget = row["spent"]["generations"]
        elif any("lineage" in each for each in row.get("solutions", ())):
            ways[row["way"]][row["position"]] = row["solutions"]
    drawn: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["type"] == "sample" and "text" in row and row["number"] < budget:
            drawn[row["position"]].append(row)
    return references, {SAMPLES: dict(drawn), **ways}


def told(candidates: Candidates, reference: str) -> tuple[float, ...]:
    """Of one problem, as `_COLUMNS` has it."""
    known: list[str] = []
    classes = []
    for each in candidates:
        answer = each.get("answer")
        at = None if answer is None else next((k for k, other in enumerate(known) if equivalent(answer, other)), None)
        if at is None and answer is not None:
            known.append(answer)
            at = len(known) - 1
        classes.append(at)
    right = [is_correct(answer, reference) for answer in known]
    named = Counter(at for at in classes if at is not None)
    own = [each.get("lineage", number) for number, each in enumerate(candidates)]
    return (
        sum(right[at] for at in classes if at is not None) / len(classes),
        float(any(right)),
        max(named.values(), default=0) / len(classes),
        _vote(classes, right, range(len(classes))),
        _vote(classes, right, own),
    )


def _vote(classes: Sequence[int | None], right: Sequence[bool], voters: Sequence[Hashable]) -> float:
    """Whether the answer with most votes is right; candidates of one voter share its vote."""
    members = Counter(voters)
    votes: Counter[int] = Counter()
    for at, voter in zip(classes, voters, strict=True):
        if at is not None:
            votes[at] += 1 / members[voter]  # type: ignore[assignment]
    best = max(votes.values(), default=0.0)
    first = [right[at] for at, weight in votes.items() if weight > best - 1e-9]
    return sum(first) / len(first) if first else 0.0


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
    for name, own in ways.items():
        places = sorted(own)
        drawn = resamples(len(places), 0) / len(places)
        values = np.array([told(own[at], references[at]) for at in places])
        sizes = np.mean([[len(own[at]), len({s.get("lineage", k) for k, s in enumerate(own[at])})] for at in places], 0)
        told_sizes = [f"{size:.1f}" for size in sizes]
        print(f"| {name} | {' | '.join((f'{len(places)}', *told_sizes, *(cell(v, drawn) for v in values.T)))} |")
        if name != SAMPLES:
            base = np.array([told(ways[SAMPLES][at], references[at]) for at in places])
            cells = [cell(each, drawn, signed=True) for each in (values - base).T]
            print(f"| {name}, points over samples | | | | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
