"""How answers bear strings that nobody foresaw: `python benchmarks/fuzz_answers.py DATA.jsonl ...`.

Of `--strings` texts half are references of the data sets with one character changed, put in or left out, eight of each;
a quarter is random Unicode, a quarter random pieces of LaTeX. Each is extracted from a sentence and a box and compared
with its reference, or with the same text changed in one character. `--verbose` prints every changed reference that is
still judged equal, to be looked at.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import NamedTuple

from ttcli.answers import CHECKER, equivalent, extract_answer
from ttcli.data.dataset import read_dataset

VARIANTS = 8  # of one reference
ALPHABET = [
    *"0123456789+-*/^_=<>()[]{}.,:;|!%$& abcdexyzABCinkpiE\\'\"",
    "π",
    "²",
    "½",
    "×",
    "−",
    "≤",
    "√",
    "°",
    "，",
    "５",
]
PIECES = [
    *"0123456789+-*/^_=<>()[]{},.:; xynABk|!%&", "\\frac", "\\sqrt", "\\pi", "\\text{", "\\left(", "\\right)", "\\pm",
    "\\infty", "\\cup", "\\boxed{", "\\begin{pmatrix}", "\\end{pmatrix}", "\\\\", "\\{", "\\}", "\\le ", "\\cdot ",
    "\\sin ", "\\log_", "\\overline{", "^\\circ", "\\binom", "\\sum_", "\\int ", "$", "\\ldots", " and ", " or ", "cm",
    "10^", "99", "!!", "e^", "\\mathbb{R}", "\\setminus", "\\in ", "dozen", "million", "p.m.", "\\dot", "_{10}", "**",
]  # fmt: skip


class Pair(NamedTuple):
    """A text and what it is compared with."""

    text: str
    other: str
    kind: str


def changed(text: str, rng: random.Random) -> str:
    """The text with one character replaced, put in or left out."""
    while True:
        place, sign = rng.randrange(len(text) + 1), rng.choice(ALPHABET)
        cut = rng.choice((0, 1))
        sign = rng.choice((sign, "")) if cut else sign
        if (new := text[:place] + sign + text[place + cut :]) != text:
            return new


def pairs(references: Sequence[str], number: int, rng: random.Random) -> Iterator[Pair]:
    """All texts of a run."""
    for _ in range(number // 2 // VARIANTS):
        reference = rng.choice(references)
        for _ in range(VARIANTS):
            yield Pair(changed(reference, rng), reference, "reference")
    for _ in range(number // 4):
        text = "".join(
            chr(rng.choice((rng.randrange(32, 0x250), rng.randrange(1, 0xD800)))) for _ in range(length(rng))
        )
        yield Pair(text, changed(text, rng), "Unicode")
        text = "".join(rng.choice(PIECES) for _ in range(length(rng)))
        yield Pair(text, changed(text, rng), "LaTeX")


def length(rng: random.Random) -> int:
    return min(int(rng.expovariate(1 / 12)), 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--strings", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    sets = [read_dataset(name) for name in options.data]
    references = sorted({str(row.problem.answer) for data in sets for row in data.rows})
    todo = list(pairs(references, options.strings, random.Random(options.seed)))
    equivalent("a+b", "b+a")  # the worker starts
    exceptions, asymmetries, irreflexive, seconds, equal = 0, 0, 0, [], []
    for pair in todo:
        start = time.perf_counter()
        try:
            extract_answer(f"So it is {pair.text}. The answer is {pair.text}.\n\\boxed{{{pair.text}}}")
            same = equivalent(pair.text, pair.other)
            seconds.append(time.perf_counter() - start)
            asymmetries += same != equivalent(pair.other, pair.text)
            irreflexive += not equivalent(pair.text, pair.text)
        except Exception as error:  # noqa: BLE001 - to be counted
            exceptions += 1
            print(f"{type(error).__name__}: {error}: {pair.text!r} {pair.other!r}")
            continue
        if same and pair.kind == "reference":
            equal.append(pair)
    changes = [pair for pair in todo if pair.kind == "reference"]
    print(f"{len(todo):,} texts, seed {options.seed}: {exceptions} exceptions, {CHECKER.failures} without a reply")
    print(f"{statistics.median(seconds) * 1e3:.2f} ms in the median, {max(seconds) * 1e3:.0f} ms at most")
    print(
        f"{asymmetries} asymmetric pairs, {irreflexive} texts unlike themselves, {intransitive(changes)} not transitive"
    )
    print(f"{len(equal):,} of {len(changes):,} references with one character changed are judged equal")
    if options.verbose:
        for pair in equal:
            print(f"{pair.other!r} = {pair.text!r}")


def intransitive(changes: Sequence[Pair]) -> int:
    """Triples of variants of one reference, and it, where a = b and b = c but not a = c."""
    count = 0
    for first in range(0, len(changes), VARIANTS):
        group = changes[first : first + VARIANTS]
        texts = sorted({group[0].other, *(pair.text for pair in group)})
        same = {frozenset(pair): equivalent(*pair) for pair in combinations(texts, 2)}
        for a, b, c in permutations(texts, 3):
            if a < c and same[frozenset((a, b))] and same[frozenset((b, c))] and not same[frozenset((a, c))]:
                count += 1
                print(f"not transitive: {a!r} = {b!r} = {c!r}")
    return count


if __name__ == "__main__":
    main()
