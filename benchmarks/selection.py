"""What choosing among solutions is worth: the visible features and the arithmetic check, from published solutions.

    python benchmarks/selection.py [--quick] [--json] [--rates] [--false-alarms FILE ...] [FILE ...]

FILE is a pool as benchmarks/data has them: JSON lines, gzipped or not, one per solution, with

    problem   of what data set, and which line of it
    number    which sample of that problem
    class     equal answers of a problem have equal numbers; null: no answer
    correct   whether the answer is right
    features  the visible ones (see `names` in the first line) at 25, 50, 75 and 100 % of the steps; null: not known
    repaired  whether it is right after repair, be it that there was nothing to repair; null or absent: not tried

Weights are fitted out of fold, 5 folds by problem, in the mean over 5 ways to deal them (--quick: one). Votes are means
over subsets of the samples; intervals are of 95 %, by resampling problems. What a pool does not tell is null, with the
reason beside it. Without a FILE the figures by name are those of the shipped head on problems that nothing was tuned on
(`benchmarks/votes.py` has their tables), and the tables those of the solutions that it was made of.

--rates              how often solutions come out right by what their equations say: what `--verifier arithmetic` scores
--false-alarms FILE  data sets with reference solutions (`answer` or `solution`): equations read, and called false
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import repair
from numpy.typing import NDArray

from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import compare, percentile_interval, resamples
from ttcli.stats.logistic import fit, folds
from ttcli.stats.subsets import GradedSamples, coverage, subset_vote
from ttcli.train.pairs import paired_logistic
from ttcli.verifier.features import FEATURES

POOLS = Path(__file__).parent / "data"
DATA = POOLS / "selection_qwen2.5-coder-0.5b_gsm8k_train.jsonl.gz"
MORE = POOLS / "selection_qwen2.5-coder-0.5b_gsm8k_train_60.jsonl.gz"  # of other problems, 16 of each
SAMPLES = (1, 2, 4, 8, 16)
FOLDS = 5
SETS = {
    "log-probability": ("mean_logprob",),
    "arithmetic check": ("states_false", "states_checked"),
    "both": ("mean_logprob", "states_false", "states_checked"),
    "ten": FEATURES[:10],  # without what becomes of the numbers
    "all twelve": FEATURES,
}
NO_REPAIR = "no solution of the pool was repaired"


class Pool(NamedTuple):
    """Solutions, sorted by problem."""

    problem: NDArray[np.intp]  # (solutions,)
    classes: list[int | None]
    correct: NDArray[np.bool_]
    rows: NDArray[np.float64]  # (solutions, 4, features)
    repaired: list[bool | None]


def read(files: list[Path]) -> Pool:
    lines: list[dict[str, Any]] = []
    for file in files:
        first, *rows = repair.lines(file)
        if tuple(first["names"]) != FEATURES:
            sys.exit(f"error: {file.name} has other features than this version\nhint: --make writes it anew")
        lines += rows
    lines.sort(key=lambda line: (str(line["problem"]), line["number"]))
    names = {name: at for at, name in enumerate(dict.fromkeys(str(line["problem"]) for line in lines))}
    rows = [[[np.nan if v is None else v for v in row] for row in line["features"]] for line in lines]
    return Pool(
        np.array([names[str(line["problem"])] for line in lines], np.intp),
        [line["class"] for line in lines],
        np.array([line["correct"] for line in lines], np.bool_),
        np.array(rows, np.float64),
        [line.get("repaired") for line in lines],
    )


def out_of_fold(pool: Pool, names: tuple[str, ...], loss: str, seed: int) -> NDArray[np.float64]:
    """(solutions, 4) what a model of these features says, which has not seen the problem."""
    columns = [FEATURES.index(name) for name in names]
    answered = np.array([each is not None for each in pool.classes])
    said = np.full((len(answered), 4), np.nan)
    count = int(pool.problem.max()) + 1
    fold = folds(count, FOLDS, seed)[pool.problem]
    for number in range(FOLDS):
        train, own = (fold != number) & answered, (fold == number) & answered
        flat = {name: pool.rows[train][:, :, at].reshape(-1) for name, at in zip(names, columns, strict=True)}
        labels = np.repeat(pool.correct[train], 4).astype(np.float64)
        if loss == "pairs":
            model = paired_logistic(flat, labels, np.repeat(pool.problem[train], 4), seed=seed)
        else:
            model = fit(flat, labels, rows_each=4)
        said[own] = model.predict({name: pool.rows[own][:, :, at] for name, at in zip(names, columns, strict=True)})
    return said


def graded(
    pool: Pool, scores: NDArray[np.float64] | None, correct: NDArray[np.bool_] | None = None
) -> list[GradedSamples]:
    """The samples of every problem."""
    found = []
    right = pool.correct if correct is None else correct
    for at in range(int(pool.problem.max()) + 1):
        own = np.flatnonzero(pool.problem == at)
        numbers: dict[int, int] = {}
        classes = [
            -1 if pool.classes[k] is None else numbers.setdefault(int(pool.classes[k] or 0), len(numbers)) for k in own
        ]
        found.append(GradedSamples(np.array(classes, np.int64), right[own], None if scores is None else scores[own]))
    return found


def accuracies(problems: list[GradedSamples], n: int, rule: str) -> NDArray[np.float64]:
    return np.array([subset_vote(each, min(n, len(each)), rule).accuracy for each in problems])  # type: ignore[arg-type]


def within(pool: Pool, said: list[NDArray[np.float64]], depth: int) -> tuple[float, NDArray[np.float64], int]:
    """The mean AUC within problems over ways to deal folds, the same in resamples, and how many problems tell."""
    answered = np.array([each is not None for each in pool.classes])
    rankings = [
        Ranking.of(one[answered, depth], pool.correct[answered], pool.problem[answered].astype(np.intp)) for one in said
    ]
    drawn = resamples(len(rankings[0].right), 0)
    resampled = np.mean([ranking.within_in(drawn) for ranking in rankings], axis=0)
    return float(np.mean([ranking.within for ranking in rankings])), resampled, int(rankings[0].mixed.sum())


def measure(pool: Pool, *, quick: bool) -> dict[str, Any]:
    """All tables."""
    seeds = range(1 if quick else 5)
    plain = graded(pool, None)
    most = max(map(len, plain))
    numbers = [n for n in SAMPLES if n <= most]
    majority = {n: accuracies(plain, n, "majority") for n in numbers}
    tables: dict[str, Any] = {}
    for name, features in SETS.items():
        for loss in ("pooled",) if quick else ("pooled", "pairs"):
            said = [out_of_fold(pool, features, loss, seed) for seed in seeds]
            votes = {}
            for n in numbers[1:]:
                each = np.mean([accuracies(graded(pool, one[:, 3]), n, "weighted") for one in said], axis=0)
                found = compare(
                    each, majority[n], method_outcomes=each > 0.5, baseline_outcomes=majority[n] > 0.5, seed=0
                )
                votes[str(n)] = {
                    "weighted": float(each.mean()),
                    "gain": 100 * found.difference,
                    "interval": [100 * bound for bound in found.interval],
                }
            quarters = [within(pool, said, depth) for depth in range(4)]
            value, resampled, mixed = quarters[-1]
            tables[f"{name}, {loss}"] = {
                "auc_within": value,
                "interval": [*map(float, percentile_interval(resampled))],
                "mixed_problems": mixed,
                "auc_by_quarters": [each[0] for each in quarters],
                "votes": votes,
            }
    return {
        "problems": len(plain),
        "solutions": len(pool.correct),
        "right": float(pool.correct.mean()),
        "majority": {str(n): float(each.mean()) for n, each in majority.items()},
        "any_right": {str(n): float(np.mean([coverage(one, min(n, len(one))) for one in plain])) for n in numbers},
        "features": tables,
    }


def ties(pool: Pool) -> dict[str, Any]:
    """What it adds to the majority, in points, that ties go by mean log-probability and not to the first drawn."""
    first = graded(pool, None)
    sure = np.exp(pool.rows[:, 3, FEATURES.index("mean_logprob")])
    broken = [replace(one, confidence=sure[pool.problem == at]) for at, one in enumerate(first)]
    gains = {}
    for n in (n for n in SAMPLES[1:] if n <= max(map(len, first))):
        after, before = accuracies(broken, n, "majority"), accuracies(first, n, "majority")
        found = compare(after, before, method_outcomes=after > 0.5, baseline_outcomes=before > 0.5, seed=0)
        gains[str(n)] = {"gain": 100 * found.difference, "interval": [100 * bound for bound in found.interval]}
    return gains


def learning_curve(pool: Pool, sizes: tuple[int, ...] = (12, 24, 48, 75, 97, 150), deals: int = 40) -> dict[str, Any]:
    """All features, fitted to so many problems: the AUC and the votes on the others, in the mean over deals.

    `spread`: the standard deviation of the AUC over ways to deal the problems, which share them.
    """
    answered = np.array([each is not None for each in pool.classes])
    count = int(pool.problem.max()) + 1
    numbers = [n for n in SAMPLES[1:] if n <= max(np.bincount(pool.problem))]
    found: dict[str, Any] = {}
    for size in (size for size in sizes if size < count):
        aucs, gains = [], []
        for seed in range(deals):
            learnt = np.isin(pool.problem, np.random.default_rng((seed, size)).permutation(count)[:size])
            flat = {name: pool.rows[learnt & answered][:, :, at].reshape(-1) for at, name in enumerate(FEATURES)}
            model = fit(flat, np.repeat(pool.correct[learnt & answered], 4).astype(np.float64), rows_each=4)
            said = np.full(len(answered), np.nan)
            told = ~learnt & answered
            said[told] = model.predict({name: pool.rows[told, 3, at] for at, name in enumerate(FEATURES)})
            ranking = Ranking.of(said[told], pool.correct[told], pool.problem[told].astype(np.intp))
            aucs.append(ranking.within)
            others = [each for at, each in enumerate(graded(pool, said)) if not learnt[pool.problem == at].any()]
            gains.append([_gain(others, n) for n in numbers])
        means = [None if math.isnan(gain) else gain for gain in np.mean(gains, axis=0).tolist()]
        votes = dict(zip(map(str, numbers), means, strict=True))
        found[str(size)] = {"auc_within": float(np.mean(aucs)), "spread": float(np.std(aucs)), "vote_gain": votes}
    return found


def _gain(problems: list[GradedSamples], n: int) -> float:
    """Points that the weighted vote has over the majority, of problems with so many samples; nan: there are none."""
    own = [each for each in problems if len(each) >= n]
    if not own:
        return math.nan
    return 100 * float((accuracies(own, n, "weighted") - accuracies(own, n, "majority")).mean())


def _weighted(pool: Pool, said: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Accuracies of the weighted vote, of problems with so many samples."""
    return accuracies([one for one in graded(pool, said[:, 3]) if len(one) >= n], n, "weighted")


def added(pool: Pool) -> dict[str, Any]:
    """What the two features of the numbers add to the ten, out of fold: to the AUC within a problem, and in points."""
    said = [[out_of_fold(pool, names, "pooled", seed) for seed in range(5)] for names in (FEATURES[:10], FEATURES)]
    (old_auc, before, mixed), (new_auc, after, _) = (within(pool, each, 3) for each in said)
    found: dict[str, Any] = {
        "problems": int(pool.problem.max()) + 1,
        "mixed_problems": mixed,
        "auc_within": [old_auc, new_auc],
        "auc_added": new_auc - old_auc,
        "interval": [*map(float, percentile_interval(after - before))],
        "votes": {},
    }
    for n in (n for n in SAMPLES[1:4] if n <= max(np.bincount(pool.problem))):
        old, new = (np.mean([_weighted(pool, one, n) for one in each], axis=0) for each in said)
        told = compare(new, old, method_outcomes=new > 0.5, baseline_outcomes=old > 0.5, seed=0)
        found["votes"][str(n)] = {"gain": 100 * told.difference, "interval": [100 * end for end in told.interval]}
    return found


def repair_gain(pool: Pool) -> dict[str, Any]:
    """What repair adds to the accuracy of one sample, in points."""
    if all(each is None for each in pool.repaired):
        return {"repair_gain": None, "repair_gain_reason": NO_REPAIR}
    tried = np.isin(pool.problem, np.unique(pool.problem[[each is not None for each in pool.repaired]]))
    after = np.array([pool.correct[k] if each is None else each for k, each in enumerate(pool.repaired)], np.bool_)
    names = np.unique(pool.problem[tried])
    before, then = (np.array([flags[pool.problem == at].mean() for at in names]) for flags in (pool.correct, after))
    found = compare(then, before, method_outcomes=then > 0.5, baseline_outcomes=before > 0.5, seed=0)
    return {
        "repair_gain": 100 * found.difference,
        "repair_interval": [100 * bound for bound in found.interval],
        "repair_problems": len(names),
    }


def factor(pool: Pool) -> dict[str, Any]:
    """Samples of plain majority that the repaired, weighted vote at 16 is worth, over 16."""
    most = max(np.bincount(pool.problem))
    reason = "it takes 64 samples of every problem, repaired and scored, and the pool has " + str(int(most))
    return {"factor": None, "factor_reason": reason}


def summary(pool: Pool, found: dict[str, Any]) -> dict[str, Any]:
    taken = found["features"]["all twelve, pooled"]
    gains: dict[str, Any] = {}
    for n in ("8", "16"):
        vote = taken["votes"].get(n)
        gains[f"vote_gain_{n}"] = vote["gain"] if vote else None
        if vote is None:
            gains[f"vote_gain_{n}_reason"] = f"no problem of the pool has {n} samples"
    return {"auc_within": taken["auc_within"], **gains, **repair_gain(pool), **factor(pool)}


def reported() -> dict[str, Any]:
    """The same figures of the shipped head on the pools that nothing was tuned on, where there are any."""
    import votes

    files = votes.published()
    if not files:
        return {}
    told = votes.summary(votes.measure(votes.read(files), quick=True))
    return {"reported_problems": told.pop("problems"), **told}


def rates(pool: Pool) -> dict[str, list[float]]:
    """By what their equations say: solutions, and the part of them that is right."""
    false, checked = (pool.rows[:, 3, FEATURES.index(name)] for name in ("states_false", "states_checked"))
    answered = np.array([each is not None for each in pool.classes])
    kinds = {"a false equation": false > 0, "only true ones": (false == 0) & (checked > 0), "none": checked == 0}
    told = {name: own & answered for name, own in kinds.items()}
    return {name: [int(own.sum()), float(pool.correct[own].mean())] for name, own in told.items()}


def false_alarms(file: Path) -> dict[str, Any]:
    """Equations of reference solutions, all of which are taken to be true."""
    from ttcli.verifier.arithmetic import equations

    total, called = 0, []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = re.sub(r"<<[^>]*>>", "", row.get("solution") or row["answer"])
        for each in equations(text):
            total += 1
            if not each.holds:
                called.append(text[each.start : each.stated_end])
    return {
        "file": file.name,
        "equations": total,
        "called_false": len(called),
        "share": len(called) / max(total, 1),
        "texts": called,
    }


def pool_lines(rollouts: list[Path], questions: Path) -> list[dict[str, Any]]:
    """A pool from drawn solutions with their texts, rollouts or an export, as `--make` writes it."""
    from ttcli.answers import is_correct
    from ttcli.answers.equal import equivalent
    from ttcli.answers.final import answer_of
    from ttcli.problem import Problem
    from ttcli.verifier.features import depths, visible

    asked = [json.loads(line)["question"] for line in questions.read_text(encoding="utf-8").splitlines()]
    place_of = {question: at for at, question in enumerate(asked)}
    known: dict[int, list[str]] = defaultdict(list)
    found: list[dict[str, Any]] = [{"names": FEATURES, "model": "qwen2.5-coder-0.5b", "data": questions.name}]
    for file in rollouts:
        for row in repair.lines(file):
            if row.get("type", "sample") != "sample":
                continue
            if row.get("repaired") or row.get("thought") or row["sum_logprob"] is None:
                sys.exit(
                    f"error: {file.name} has solutions whose tokens or log-probabilities are not those of their text"
                )
            at = row["problem_index"] if "problem_index" in row else place_of[row["problem"]]
            number, gold = row.get("sample", row.get("number")), row.get("gold", row.get("reference"))
            prefix = repair.solution(row, Problem(asked[at], str(at)))
            steps = prefix.steps
            answer = answer_of(prefix)
            classes = known[at]
            place = None
            if answer is not None:
                place = next((k for k, other in enumerate(classes) if equivalent(answer, other)), len(classes))
                classes += [answer] if place == len(classes) else []
            seen = visible(prefix)[list(depths(len(steps)))] if steps else np.full((4, len(FEATURES)), np.nan)
            values = [[None if np.isnan(v) else round(float(v), 4) for v in one] for one in seen]
            right = answer is not None and is_correct(answer, gold)
            mended = row.get("repaired_answer")
            tried = "ended" in row and "gold" in row  # of this file, what states no false equation stays as it is
            repaired = is_correct(mended, gold) if mended else right if tried else None
            found.append(
                {
                    "problem": at,
                    "number": number,
                    "class": place,
                    "correct": right,
                    "features": values,
                    "repaired": repaired,
                }
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one way to deal the folds, the pooled loss alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--ties", action="store_true")
    parser.add_argument("--curve", action="store_true", help="how much it takes to learn from")
    parser.add_argument("--added", action="store_true", help="what the two features of the numbers add to the ten")
    parser.add_argument("--false-alarms", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--make", nargs="+", type=Path, metavar="FILE", help="data set, then rollouts: writes the pool")
    parser.add_argument("--out", type=Path, default=DATA, metavar="FILE", help="that --make writes")
    arguments = parser.parse_args()
    if arguments.false_alarms:
        for file in arguments.false_alarms:
            print(json.dumps(false_alarms(file), ensure_ascii=False))
        return
    if arguments.make:
        with gzip.GzipFile(arguments.out, "wb", mtime=0) as stream:
            for line in pool_lines(arguments.make[1:], arguments.make[0]):
                stream.write((json.dumps(line) + "\n").encode())
        return
    both = arguments.curve or arguments.added
    pool = read(arguments.files or ([DATA, MORE] if both else [DATA]))
    if arguments.rates:
        print(json.dumps(rates(pool)))
        return
    if arguments.curve:
        print(json.dumps(learning_curve(pool)))
        return
    if arguments.added:
        print(json.dumps(added(pool)))
        return
    if arguments.ties:
        print(json.dumps(ties(pool)))
        return
    found = measure(pool, quick=arguments.quick)
    told = {**((not arguments.files and reported()) or summary(pool, found)), **found}
    print(json.dumps(told) if arguments.json else json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
