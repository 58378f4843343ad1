"""How many cases of a file of marked answers are judged as marked: `python benchmarks/grading.py CASES.jsonl`.

A row has `gold`, `candidate`, `equal` and `kind`; with `from_text` the candidate is a whole solution, `gold` may be
null (no answer is right), and rows that are `disputable` are counted apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttcli.answers import equivalent, extract_answer

Row = Mapping[str, Any]


def judged(row: Row) -> bool:
    """Whether the candidate is taken for the gold answer."""
    gold, candidate = row["gold"], row["candidate"]
    if row.get("from_text"):
        candidate = extract_answer(candidate)
    return candidate is None if gold is None else candidate is not None and equivalent(candidate, gold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--verbose", action="store_true", help="print every case that is judged otherwise than marked")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.cases.read_text(encoding="utf-8").splitlines()]
    equivalent("a+b", "b+a")  # the worker starts
    misses: list[Row] = []
    seconds = []
    for row in rows:
        start = time.perf_counter()
        if judged(row) != row["equal"]:
            misses.append(row)
        seconds.append(time.perf_counter() - start)
    report(rows, misses)
    print(f"{statistics.median(seconds) * 1e3:.2f} ms in the median, {max(seconds) * 1e3:.0f} ms at most")
    if options.verbose:
        for row in misses:
            sign = "=" if row["equal"] else "≠"
            print("disputable" if row.get("disputable") else "MISS", row["kind"], f"{row['gold']!r} {sign}", end=" ")
            print(f"{row['candidate']!r}", f"<- {extract_answer(row['candidate'])!r}" if row.get("from_text") else "")


def report(rows: list[Row], misses: list[Row]) -> None:
    for name, disputable in (("undisputed", False), ("disputable", True)):
        cases = [row for row in rows if bool(row.get("disputable")) == disputable]
        wrong = [row for row in misses if bool(row.get("disputable")) == disputable]
        false_equals = sum(not row["equal"] for row in wrong)
        right = len(cases) - len(wrong)
        print(f"{name}: {right} of {len(cases)} right ({right / max(len(cases), 1):.1%}), {false_equals} false equals")
        for kind, count in Counter(row["kind"] for row in wrong).most_common():
            print(f"  {count:3}  {kind}")


if __name__ == "__main__":
    main()
