"""What verifiers and repair add to the vote, on problems that nothing was tuned on.

    python benchmarks/votes.py [--quick] [--json] [FILE ...]     the tables, from what is published
    python benchmarks/votes.py --publish EXPORT --out FILE       a pool, of `ttc runs export` of a bench with verifiers
    python benchmarks/votes.py --mend DATA FILE                  draws for it what repair would have; resumable
    python benchmarks/votes.py --rescore DATA FILE               what a head (--head, --as NAME) says of its solutions
    python benchmarks/votes.py --publish EXPORT --more --out FILE
                                                                 more samples of problems that the published pools have
    python benchmarks/votes.py --given DATA ROLLOUTS ... --out FILE
                                                                 a pool, of solutions to problems of a data set by index

A pool is JSON lines, gzipped, one for each sample of a `ttc bench`: text, answer, tokens, and what each verifier said
of it. A solution that states a false equation has a second line, `mended`: cut at its first false result, the right one
written, and gone on with by the model as `--repair arithmetic` does. All others are what they would have been with
repair too, so that both are known at the price of one. Of several pools the problems stand side by side. A file of
`more` samples adds to problems of the pools: by these it is told how the plain majority goes on, and nothing else.

Votes are means over subsets of the samples. Intervals are of 95 %, by resampling problems; p is that of the sign-flip
test. `over` compares with the plain majority of as many samples of the same problems. What more samples than all
problems have add to the majority is the mean over those that have them, and stands on top of what it has of all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import repair
from numpy.typing import NDArray
from repair import lines

from ttcli.answers import is_correct
from ttcli.answers.equal import equivalent
from ttcli.answers.final import answer_of
from ttcli.seams import Verifier
from ttcli.solution import Prefix
from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import compare, percentile_interval, resamples
from ttcli.stats.subsets import GradedSamples, Rule, coverage, subset_limit, subset_vote

DATA = Path(__file__).parent / "data"
SAMPLES = (1, 2, 4, 8, 16, 32, 64)
KEPT = ("id", "number", "reference", "text", "answer", "correct", "ended", "tokens")
HEAD = "head"  # of whatever name
ENOUGH = 30  # problems that have more samples, for their mean to be told with an interval


class Pool(NamedTuple):
    """The samples of some problems, problem by problem."""

    names: list[str]  # of the verifiers
    plain: list[list[dict[str, Any]]]  # as many of each problem
    mended: list[list[dict[str, Any]]]  # the same with repair
    drawn: list[list[dict[str, Any]]]  # all plain ones


class Curve(NamedTuple):
    """The accuracy of the plain majority by samples, problem by problem."""

    base: dict[int, NDArray[np.float64]]  # (problems,) up to as many samples as all problems have
    more: dict[int, NDArray[np.float64]]  # (problems,) what more samples add to the last of these; nan: not drawn

    @property
    def sizes(self) -> list[int]:
        """Samples of a vote."""
        return [*self.base, *self.more]

    def means(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(resamples, sizes): by how often each problem is there, (resamples, problems)."""
        total = counts.sum(axis=1)
        found = [counts @ each / total for each in self.base.values()]
        for each in self.more.values():
            known = ~np.isnan(each)
            found.append(found[len(self.base) - 1] + counts[:, known] @ each[known] / counts[:, known].sum(axis=1))
        return np.stack(found, axis=1)


def read(files: Sequence[Path]) -> Pool:
    """Pools side by side; tables are of as many samples as every problem has, the first ones.

    Raises:
        SystemExit: more samples of a problem that no pool has, or that several have; a sample that is there twice.
    """
    pools: list[tuple[list[dict[str, Any]], dict[tuple[str, int], dict[str, Any]]]] = []  # a problem, what is mended
    more: list[dict[str, Any]] = []
    for file in dict.fromkeys(files):
        found: dict[str, list[dict[str, Any]]] = {}
        after: dict[tuple[str, int], dict[str, Any]] = {}
        for row in lines(file):
            if row.get("more"):
                more.append(row)
            elif row.get("mended"):
                after[row["id"], row["number"]] = row
            else:
                found.setdefault(row["id"], []).append(row)
        pools += [(_in_order(samples), after) for samples in found.values()]
    least = min((len(samples) for samples, _ in pools), default=0)
    plain = [samples[:least] for samples, _ in pools]
    mended = [[after.get((row["id"], row["number"]), row) for row in samples[:least]] for samples, after in pools]
    drawn = [[*samples] for samples, _ in pools]
    for row in more:
        own = [known for known in drawn if (known[0]["id"], known[0]["reference"]) == (row["id"], row["reference"])]
        if len(own) != 1:
            sys.exit(f"error: {len(own)} pools have problem {row['id']}, of which there are more samples")
        own[0].append(row)
    named = [{name for row in samples for name in row["scores"]} for samples in plain]
    told = [known for known in named if known]  # of a problem without an answer there are no scores
    names = sorted(set.intersection(*told)) if told else []
    return Pool(names, plain, mended, [_in_order(samples) for samples in drawn])


def _in_order(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they were drawn."""
    found = {int(row["number"]): row for row in samples}
    if len(found) < len(samples):
        sys.exit(f"error: a sample of problem {samples[0]['id']} is there twice")
    return [found[number] for number in sorted(found)]


def published() -> list[Path]:
    """The pools of benchmarks/data."""
    return sorted(DATA.glob("votes_*.jsonl.gz"))


def graded(problems: Sequence[Sequence[Mapping[str, Any]]]) -> list[GradedSamples]:
    """The samples of every problem, without a verifier."""
    found = []
    for samples in problems:
        known: list[str] = []
        classes = []
        for row in samples:
            at = next((k for k, other in enumerate(known) if row["answer"] and equivalent(row["answer"], other)), None)
            if at is None and row["answer"] is not None:
                at = len(known)
                known.append(row["answer"])
            classes.append(-1 if at is None else at)
        right = np.array([row["correct"] for row in samples], np.bool_)
        found.append(GradedSamples(np.array(classes, np.int64), right, confidence=_said(samples, "confidence")))
    return found


def _said(samples: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """What a verifier said of each; nan: nothing."""
    return np.array([row["scores"].get(name, np.nan) for row in samples], np.float64)


def some(pool: Pool, which: str) -> Pool:
    """The problems from the first one named to the last.

    Raises:
        SystemExit: there are no such ones.
    """
    first, _, last = which.partition("-")
    most = len(pool.plain)
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= most):
        sys.exit(f"error: --problems {which} is not within 1-{most}")
    plain, mended, drawn = (each[int(first) - 1 : int(last)] for each in (pool.plain, pool.mended, pool.drawn))
    return Pool(pool.names, plain, mended, drawn)


def told_false_alone(pool: Pool) -> Pool:
    """The check without what it says of solutions that state nothing: a false equation, or not."""
    known = {row["scores"]["arithmetic"] for row in chain(*pool.plain) if "arithmetic" in row["scores"]}
    if not known:
        sys.exit("error: these pools have no scores of the arithmetic check")
    least, most = min(known), max(known)

    def told(row: dict[str, Any]) -> dict[str, Any]:
        said = row["scores"].get("arithmetic")
        alone = {"arithmetic": least if said == least else most}
        return row if said is None else row | {"scores": row["scores"] | alone}

    plain, mended = ([[told(row) for row in rows] for rows in problems] for problems in (pool.plain, pool.mended))
    return pool._replace(names=["arithmetic"], plain=plain, mended=mended)


def measure(pool: Pool, *, quick: bool) -> dict[str, Any]:
    """Every vote over every number of samples, with repair and without."""
    sizes = [size for size in SAMPLES if size <= len(pool.plain[0])]
    most = sizes[-1]
    limit = 64 if quick else subset_limit(len(pool.plain))
    told: dict[str, Any] = {"problems": len(pool.plain), "samples": most, "votes": {}, "auc": {}}
    plain, mended = graded(pool.plain), graded(pool.mended)
    base = Curve({size: _accuracies(plain, size, "majority", limit) for size in sizes}, _more(pool, most, limit))
    told["more"] = _going_on(base)
    for kind, problems, own in (("", pool.plain, plain), ("repaired, ", pool.mended, mended)):
        told["votes"][f"{kind}majority"] = {
            size: _row(_accuracies(own, size, "majority", limit), size, base) for size in sizes
        }
        for name in pool.names:
            scored = [replace(one, scores=_said(rows, name)) for one, rows in zip(own, problems, strict=True)]
            told["votes"][f"{kind}weighted, {name}"] = {
                size: _row(_accuracies(scored, size, "weighted", limit), size, base) for size in sizes
            }
            told["auc"][f"{kind}{name}"] = _auc(scored)
        told["votes"][f"{kind}any right"] = {
            size: _row(np.array([coverage(each, size) for each in own]), size, base) for size in sizes
        }
    changed = _changed(pool)
    told["tokens"] = {
        "a sample": float(np.mean([row["tokens"] for samples in pool.plain for row in samples])),
        "a repair": float(np.mean([new["tokens"] for _, new in changed] or [0])),
        "repaired": len(changed),
        "before": sum(bool(old["correct"]) for old, _ in changed),
        "after": sum(bool(new["correct"]) for _, new in changed),
    }
    return told


def _more(pool: Pool, most: int, limit: int) -> dict[int, NDArray[np.float64]]:
    """What the plain majority of more samples has beyond that of `most`, where enough problems have so many."""
    found = {}
    drawn = graded(pool.drawn)
    for size in (size for size in SAMPLES if most < size):
        if sum(len(each) >= size for each in drawn) < ENOUGH:
            break
        found[size] = np.full(len(drawn), np.nan)
        for at, each in enumerate(drawn):
            if len(each) >= size:
                few, many = (subset_vote(each, number, "majority", subsets=limit) for number in (most, size))
                found[size][at] = many.accuracy - few.accuracy
    return found


def _going_on(base: Curve) -> dict[int, dict[str, Any]]:
    """What more samples add to the plain majority."""
    counts = resamples(len(next(iter(base.base.values()))), 0)
    drawn, most = base.means(counts), len(base.base) - 1
    return {
        size: {
            "problems": int((~np.isnan(values)).sum()),
            "added": float(np.nanmean(values)),
            "interval": [*percentile_interval(drawn[:, most + at] - drawn[:, most])],
        }
        for at, (size, values) in enumerate(base.more.items(), 1)
    }


def _changed(pool: Pool) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The samples that repair makes others of, before and after."""
    pairs = zip(chain(*pool.plain), chain(*pool.mended), strict=True)
    return [(old, new) for old, new in pairs if old is not new]


def _accuracies(problems: Sequence[GradedSamples], size: int, rule: Rule, limit: int) -> NDArray[np.float64]:
    return np.array([subset_vote(each, size, rule, subsets=limit).accuracy for each in problems])


def _row(values: NDArray[np.float64], size: int, base: Curve) -> dict[str, Any]:
    """What a vote comes to, against the plain majority of as many samples, and how many of its samples are as good."""
    counts = resamples(len(values), 0) / len(values)
    drawn = counts @ values
    plain = base.base[size]
    found = compare(values, plain, method_outcomes=values > 0.5, baseline_outcomes=plain > 0.5)
    curve, curves = base.means(np.full((1, len(values)), 1.0))[0], base.means(counts)
    worths = np.array([_worth(goal, each, base.sizes) for goal, each in zip(drawn, curves, strict=True)])
    return {
        "accuracy": float(values.mean()),
        "interval": [*percentile_interval(drawn)],
        "over": found.difference,
        "over_interval": [*found.interval],
        "p": found.p_all,
        "over_most": float(values.mean() - curve[-1]),
        "over_most_interval": [*percentile_interval(drawn - curves[:, -1])],
        "worth": _worth(float(values.mean()), curve, base.sizes),
        "worth_interval": [*percentile_interval(worths)],
    }


def _worth(goal: float, curve: NDArray[np.float64], sizes: Sequence[int]) -> float:
    """Samples of the plain majority that come to an accuracy, in proportion between sizes; the most: that or more."""
    best = np.maximum.accumulate(curve)
    at = int(np.argmax(best >= goal)) if best[-1] >= goal else -1
    if at < 1:
        return float(sizes[at])
    part = (goal - best[at - 1]) / (best[at] - best[at - 1])
    return float(sizes[at - 1] + part * (sizes[at] - sizes[at - 1]))


def _auc(samples: Sequence[GradedSamples]) -> dict[str, Any]:
    """The mean AUC within problems, of samples with an answer."""
    problem = np.repeat(np.arange(len(samples)), [len(each) for each in samples])
    scores = np.concatenate([each.scores for each in samples if each.scores is not None])
    known = np.concatenate([each.classes >= 0 for each in samples]) & ~np.isnan(scores)
    ranking = Ranking.of(scores[known], np.concatenate([each.correct for each in samples])[known], problem[known])
    drawn = ranking.within_in(resamples(len(ranking.right), 0))
    return {
        "value": ranking.within,
        "interval": [*percentile_interval(drawn)],
        "mixed_problems": int(ranking.mixed.sum()),
    }


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that are asked for by name; null with a reason where the pool does not tell them."""
    votes, most = found["votes"], found["samples"]
    told: dict[str, Any] = {"problems": found["problems"]}
    if HEAD not in found["auc"]:
        return told
    told["auc_within"] = found["auc"][HEAD]["value"]
    for size in (8, 16):
        row = votes[f"weighted, {HEAD}"].get(size)
        told[f"vote_gain_{size}"] = row and 100 * row["over"]
        told[f"vote_gain_{size}_interval"] = row and [100 * end for end in row["over_interval"]]
    told["repair_gain"] = 100 * votes["repaired, majority"][1]["over"]
    told["repair_interval"] = [100 * end for end in votes["repaired, majority"][1]["over_interval"]]
    size = max(each for each in votes["majority"] if each <= 16)
    row = votes[f"repaired, weighted, {HEAD}"][size]
    told["factor"], told["factor_interval"] = row["worth"] / size, [end / size for end in row["worth_interval"]]
    told["factor_most"] = max([most, *found["more"]]) / size  # what the pool can tell at most
    told["over_most"], told["over_most_interval"] = (
        100 * row["over_most"],
        [100 * end for end in row["over_most_interval"]],
    )
    told["factors"] = {
        name: votes[f"repaired, weighted, {name}"][size]["worth"] / size for name in found["auc"] if "," not in name
    }
    return told


def text(found: Mapping[str, Any]) -> Iterator[str]:
    """The tables as Markdown."""
    yield f"n = {found['problems']} problems, {found['samples']} samples of each. Accuracy in %, by samples:"
    yield from _by_samples(found["votes"], _share)
    ways = {way: rows for way, rows in found["votes"].items() if way != "majority" and "any" not in way}
    yield "Points over the plain majority of as many samples:"
    yield from _by_samples(ways, _points)
    yield "Samples of the plain majority that are as good; those of the pool, or more, where that is the most it has:"
    yield from _by_samples(ways, _times)
    if found["more"]:
        yield "More samples of the plain majority:"
        yield ""
        yield f"| samples | problems that have so many | points over {found['samples']} of the same |"
        yield "|---:|---:|---:|"
        for size, more in found["more"].items():
            low, high = more["interval"]
            yield f"| {size} | {more['problems']} | {100 * more['added']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] |"
        yield ""
        yield f"Points over the plain majority of {max(found['more'])} samples:"
        yield from _by_samples(ways, lambda row: _points(row, "over_most"))
    yield "| scores | AUC within a problem | problems with right and wrong ones |"
    yield "|---|---:|---:|"
    for name, each in found["auc"].items():
        low, high = each["interval"]
        yield f"| {name} | {each['value']:.3f} [{low:.3f}, {high:.3f}] | {each['mixed_problems']} |"
    own = found["tokens"]
    yield ""
    yield (
        f"{own['repaired']} solutions state a false equation; right before repair {own['before']}, after "
        f"{own['after']}; {own['a repair']:.0f} tokens each, where a sample takes {own['a sample']:.0f}."
    )


def _by_samples(
    votes: Mapping[str, Mapping[int, Mapping[str, Any]]], cell: Callable[[Mapping[str, Any]], str]
) -> Iterator[str]:
    """A table of ways, a column for each number of samples, and empty lines around it."""
    sizes = [*next(iter(votes.values()))]
    yield ""
    yield f"| | {' | '.join(map(str, sizes))} |"
    yield f"|---|{'---:|' * len(sizes)}"
    for way, rows in votes.items():
        yield f"| {way} | {' | '.join(cell(rows[size]) for size in sizes)} |"
    yield ""


def _share(row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    return f"{100 * row['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _points(row: Mapping[str, Any], over: str = "over") -> str:
    low, high = row[f"{over}_interval"]
    told = f"{100 * row[over]:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"**{told}**" if low > 0 or high < 0 else told


def _times(row: Mapping[str, Any]) -> str:
    low, high = row["worth_interval"]
    return f"{row['worth']:.1f} [{low:.1f}, {high:.1f}]"


def publish(export: Path, out: Path, *, more: bool) -> None:
    """Write a pool, without what was mended before; or, where there are to be `more`, those that no pool has."""
    others = chain.from_iterable(lines(file) for file in published() if file.resolve() != out.resolve())
    there = {(row["id"], row["reference"], row["number"]) for row in others} if more else set()
    kept = left = 0
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        for row in lines(export):
            if row["type"] != "sample":
                continue
            if (row["id"], row["reference"], row["number"]) in there:
                left += 1
                continue
            known = {name: value for name, value in row["scores"].items() if value is not None}  # no answer: none
            scores = {HEAD if name.startswith(HEAD) else name: round(value, 5) for name, value in known.items()}
            told = {key: row[key] for key in KEPT} | {"scores": scores} | ({"more": True} if more else {})
            file.write((json.dumps(told, ensure_ascii=False) + "\n").encode())
            kept += 1
    print(f"{kept} samples, and {left} that pools have")


def _read(prefix: Prefix, reference: str, verifiers: Mapping[str, Verifier]) -> dict[str, Any]:
    """What a pool has of a finished solution beside whose it is and its tokens; no answer, no scores."""
    answer = answer_of(prefix)
    return {
        "text": prefix.text,
        "answer": answer,
        "correct": answer is not None and is_correct(answer, reference),
        "ended": prefix.ended.value,
        "scores": {
            name: round(each.score([prefix])[0].score, 5) for name, each in verifiers.items() if answer is not None
        },
    }


def give(data: Path, rollouts: Sequence[Path], out: Path) -> None:
    """Write a pool of given solutions, of the problems that have as many as most, with scores that take no fit."""
    from ttcli.data.dataset import read_dataset
    from ttcli.verifier.arithmetic.verifier import Arithmetic
    from ttcli.verifier.confidence import Confidence

    verifiers = {"confidence": Confidence(), "arithmetic": Arithmetic()}
    asked = [row.problem for row in read_dataset(str(data)).rows]
    found: dict[int, list[dict[str, Any]]] = {}
    for row in chain.from_iterable(map(lines, rollouts)):
        found.setdefault(row["problem_index"], []).append(row)
    usual = Counter(map(len, found.values())).most_common(1)[0][0]
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        for at, rows in sorted(found.items()):
            for number, row in enumerate(rows if len(rows) == usual else ()):
                told = {"id": asked[at].id, "number": number, "reference": row["gold"], "tokens": row["tokens"]}
                told |= _read(repair.solution(row, asked[at]), row["gold"], verifiers)
                file.write((json.dumps(told, ensure_ascii=False) + "\n").encode())
    print(f"{sum(len(rows) == usual for rows in found.values())} of {len(found)} problems, {usual} solutions of each")


def mend(data: Path, path: Path, head: str, max_tokens: int, seed: int) -> None:
    """Go on with what states a false equation, and add it to the pool as it comes to its end."""
    from ttcli.data.dataset import read_dataset
    from ttcli.policy.mend import cut
    from ttcli.runtime.heads import find_head
    from ttcli.verifier.arithmetic.verifier import Arithmetic
    from ttcli.verifier.confidence import Confidence
    from ttcli.verifier.head_verifier import VisibleVerifier

    verifiers = {
        "confidence": Confidence(),
        "arithmetic": Arithmetic(),
        HEAD: VisibleVerifier(find_head(head, None).head, head),
    }
    rows = lines(path)
    done = {(row["id"], row["number"]) for row in rows if row.get("mended")}
    asked = [row.problem for row in read_dataset(str(data)).rows]
    place = {problem.id: at for at, problem in enumerate(asked)}
    usual = float(np.mean([row["scores"]["confidence"] for row in rows if "confidence" in row["scores"]]))
    todo = []
    for row in rows:
        if row.get("mended") or row.get("more") or (row["id"], row["number"]) in done:
            continue
        told = {**row, "sum_logprob": float(np.log(row["scores"].get("confidence", usual)) * row["tokens"])}
        part = cut(repair.solution(told, asked[place[row["id"]]]), repair.READER)
        if part is not None:
            todo.append((row, part))
    print(f"{len(todo)} solutions to go on with", flush=True)
    seeds = [(seed, place[row["id"]], row["number"]) for row, _ in todo]
    for number, extension in repair.draw([part for _, part in todo], seeds, max_tokens) if todo else ():
        row, _ = todo[number]
        prefix = replace(extension.prefix, partial=False)
        told = {key: row[key] for key in ("id", "number", "reference")} | {"mended": True, "tokens": extension.tokens}
        told["repairs"] = [[each.at, each.wrote, each.mended] for each in prefix.repairs]
        told |= _read(prefix, row["reference"], verifiers)
        with gzip.open(path, "at", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")


def rescore(data: Path, path: Path, head: str, name: str) -> None:
    """Have a head that looks at no states score all that has an answer, in the place of what is there by that name."""
    from ttcli.data.dataset import read_dataset
    from ttcli.runtime.heads import find_head
    from ttcli.verifier.head_verifier import VisibleVerifier

    verifier = VisibleVerifier(find_head(head, None).head, head)
    asked = {row.problem.id: row.problem for row in read_dataset(str(data)).rows}
    rows = lines(path)
    with repair.lengths() as length:
        for row in rows:
            problem = asked.get(row["id"])
            if problem is None or not is_correct(problem.answer or "", row["reference"]):
                sys.exit(f"error: problem {row['id']} of {path.name} is not that of {data.name}")
            if row["answer"] is None or row.get("more"):
                continue
            if "confidence" not in row["scores"]:
                sys.exit(f"error: {path.name} does not tell the log-probabilities of all its solutions")
            # of what was mended the pool has the tokens that it took, and not those of its text
            tokens = length(row["text"]) + (row["ended"] == "stop") if row.get("mended") else row["tokens"]
            logprob = float(np.log(row["scores"]["confidence"]) * tokens)
            prefix = repair.solution({**row, "tokens": tokens, "sum_logprob": logprob}, problem)
            row["scores"][name] = round(verifier.score([prefix])[0].score, 5)
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="fewer subsets")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--problems", metavar="FIRST-LAST", help="these alone, as they stand in the pools, from 1")
    parser.add_argument("--only-false", action="store_true", help="the check tells nothing but false equations")
    parser.add_argument("--publish", type=Path, metavar="EXPORT")
    parser.add_argument("--out", type=Path, metavar="FILE")
    parser.add_argument("--more", action="store_true", help="to be published: more samples of known problems")
    parser.add_argument("--given", type=Path, metavar="DATA", help="a pool of the rollouts that follow")
    parser.add_argument("--mend", type=Path, metavar="DATA")
    parser.add_argument("--rescore", type=Path, metavar="DATA")
    parser.add_argument("--head", default="qwen2.5-coder-0.5b-gsm8k")
    parser.add_argument("--as", default=HEAD, dest="name", help="what the scores of --rescore are called")
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.publish:
        if options.out is None:
            parser.error("--publish takes --out FILE too")
        publish(options.publish, options.out, more=options.more)
        return
    if options.given:
        if options.out is None or not options.files:
            parser.error("--given takes files of rollouts and --out FILE too")
        give(options.given, options.files, options.out)
        return
    files = options.files or published()
    if not files:
        sys.exit("error: no pool is published yet\nhint: --publish EXPORT --out FILE")
    if options.mend:
        if len(files) != 1:
            parser.error(f"--mend goes on with one pool, and there are {len(files)}: name it")
        mend(options.mend, files[0], options.head, options.max_tokens, options.seed)
        return
    if options.rescore:
        for file in files:
            rescore(options.rescore, file, options.head, options.name)
        return
    pool = read(files)
    pool = some(pool, options.problems) if options.problems else pool
    found = measure(told_false_alone(pool) if options.only_false else pool, quick=options.quick)
    print(json.dumps({**summary(found), **found}) if options.json else "\n".join(text(found)))


if __name__ == "__main__":
    main()
