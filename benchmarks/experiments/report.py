"""The tables of all experiments, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.data import BASE
from ttcli.bench.figures.numbers import p_value


def share(told: Mapping[str, Any] | None) -> str:
    """A mean with its interval, in per cent."""
    if not told or told["value"] is None:
        return ""
    low, high = told["interval"]
    return f"{100 * told['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def gain(told: Mapping[str, Any] | None) -> str:
    """A paired difference with its interval, in points; in bold where the interval leaves out 0."""
    if not told or told["value"] is None:
        return ""
    low, high = (round(100 * end, 9) for end in told["interval"])  # a difference of sums may be 0 but for rounding
    text = f"{100 * told['value']:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def times(row: Mapping[str, Any], key: str) -> str:
    """A factor with its interval; what is at least so much, all sizes that were measured falling short, is marked."""
    value, (low, high) = row[key], row[f"{key}_interval"]
    least = ["≥ " if short else "" for short in (row["beyond"], row["open"] > 0.975, row["open"] > 0.025)]
    return f"{least[0]}{value:.1f} [{least[1]}{low:.1f}, {least[2]}{high:.1f}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table: the first column to the left, the others to the right."""
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def votes(found: Mapping[str, Any]) -> list[str]:
    """Experiment 1."""
    lines: list[str] = []
    for key, title in (("all", "all problems"), ("deep", "the first problems, further on")):
        if key in found:
            part = found[key]
            sizes = part["sizes"] if key == "all" else [size for size in part["sizes"] if size >= 16]
            lines += ["", f"Accuracy in %, {title}, n = {part['n']:,}:", ""]
            rows = [[name, *(share(values[n]) for n in sizes)] for name, values in part["curves"].items()]
            lines += table(["samples", *map(str, sizes)], rows)
            lines += ["", "Differences in points:", ""]
            sizes = [size for size in sizes if size > 1]
            rows = [[name, *(gain(values[n]) for n in sizes)] for name, values in part["against"].items()]
            lines += table(["samples", *map(str, sizes)], rows)
    lines += ["", "How well scores tell right solutions from wrong ones of the same problem (16 samples of each):", ""]
    rows = [
        [name, f"{each['value']:.3f} [{each['interval'][0]:.3f}, {each['interval'][1]:.3f}]", f"{each['n']:,}"]
        for name, each in found["auc"].items()
    ]
    return lines[1:] + table(["scores", "AUC within a problem", "problems with both kinds"], rows)


def searches(found: Mapping[str, Any]) -> list[str]:
    """Experiment 2."""
    head = ["search", "N", "n", "accuracy, %", "over best-of-N", "p", "tokens, of best-of-N's"]
    rows = [
        [
            row["method"], str(row["budget"]), f"{row['n']:,}", share(row), gain(row["against"]),
            p_value(row["against"]["p"]) if row["against"] else "", f"{row['tokens'] / row['tokens_base']:.2f}",
        ]
        for row in found["rows"]
    ]  # fmt: skip
    rates = ", ".join(f"{100 * rate:.0f}" for rate in found["pass_rates"])
    by_bin = [
        [row["method"], str(row["budget"]), *map(gain, row["against_by_bin"])]
        for row in found["rows"]
        if row["method"] not in ("best-of-n", "majority")
    ]
    return [
        *table(head, rows),
        "",
        f"Points over best-of-N by bin of oracle difficulty (pass@1 in %: {rates}):",
        "",
        *table(["search", "N", "1: easiest", "2", "3", "4", "5: hardest"], by_bin),
    ]


def revisions(found: Mapping[str, Any]) -> list[str]:
    """Experiment 3."""
    lines: list[str] = []
    for drawn, steps in found["steps"].items():
        side = len(steps)
        lines += ["", f"Chains of {side} attempts, {side} of each problem ({drawn} attempts):", ""]
        head = ["attempt", "right, %", "wrong to right", "an independent sample", "right to wrong", "independent"]
        names = ("wrong_to_right", "wrong_to_right_independent", "right_to_wrong", "right_to_wrong_independent")
        rows = [[str(step["attempt"]), share(step), *(share(step.get(name)) for name in names)] for step in steps]
        lines += table(head, rows)
    head = ["N", "length x chains", "n", "accuracy, %", "over parallel", "1: easiest", "2", "3", "4", "5: hardest"]
    rows = [
        [
            str(row["budget"]), f"{row['length']} x {row['chains']}", f"{row['n']:,}", share(row), gain(row["against"]),
            *(map(gain, row["against_by_bin"]) if row["length"] > 1 else map(share, row["bins"])),
        ]
        for row in found["ratios"]
    ]  # fmt: skip
    return [*lines[1:], "", "Sequential against parallel; by bin, points over parallel:", "", *table(head, rows)]


def optimal(found: Mapping[str, Any]) -> list[str]:
    """Experiment 4."""
    head = [
        "ways", "difficulty", "N", "n", "accuracy, %", "over best-of-N", "**factor in samples**", "in tokens",
    ]  # fmt: skip
    rows = [
        [
            f"{row['family']} {row.get('way', '')}".strip(), row["difficulty"],
            f"{row.get('samples', row['budget']):.4g}", f"{row['n']:,}", share(row),
            gain(row["against"]), times(row, "factor"),
            times(row, "factor_tokens") if "factor_tokens" in row else "",
        ]
        for row in found["rows"]
    ]  # fmt: skip
    lines = table(head, rows)
    lines += ["", "What is chosen in each bin (part of the halves), easiest first:", ""]
    for row in found["rows"]:
        if row.get("chosen") and row["family"] != "revisions":
            told = "; ".join(_chosen(row["chosen"][number]) for number in sorted(row["chosen"]))
            lines.append(f"* {row['family']}, {row['difficulty']}, N = {row['budget']}: {told}")
    return lines


def _chosen(counts: Mapping[str, float]) -> str:
    known = sorted(counts.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{name} {part:.0%}" if part < 0.995 else name for name, part in known)


def flops(found: Mapping[str, Any]) -> list[str]:
    """Experiment 5."""
    head = ["bin", "R", "reckoning", "way", "may draw", "drawn", "n", "small, %", "large, %", "points", "p", "pays"]
    rows = [
        [
            each["bin"], f"{each['ratio']:g}", each["reckoning"], each["method"], f"{each['allowed']:.0f}",
            str(each["drawn"]), f"{each['n']:,}", f"{100 * each['small']:.1f}", f"{100 * each['large']:.1f}",
            gain({"value": each["difference"], "interval": each["interval"]}), p_value(each["p"]), each["wins"],
        ]
        for each in found["matches"]
        if each["method"] == BASE and each["reckoning"] == "verified"
    ]  # fmt: skip
    first = (
        f"Greedy: policy {share(found['greedy_small'])} %, sibling of {found['multiple']:.1f} times the weights "
        f"{share(found['greedy_large'])} %, {gain(found['sibling_gap'])} points, n = {found['greedy_large']['n']:,}."
    )
    return [first, "", *table(head, rows)]


def noise(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Experiment 6."""
    head = [
        "noise",
        "AUC within",
        "n",
        "N",
        "majority, %",
        "best-of-N, %",
        "beam, %",
        "beam - best-of-N",
        "beam - majority",
    ]
    rows = []
    for row in found:
        for budget, each in row["budgets"].items():
            auc = f"{row['auc']['value']:.3f}"
            rows.append(
                [
                    f"{row['noise']:g}", auc, f"{row['n']:,}", str(budget), share(each["majority"]),
                    share(each["best-of-n"]), share(each["beam:m=4"]), gain(each["beam - best-of-n"]),
                    gain(each["beam - majority"]),
                ]
            )  # fmt: skip
    return table(head, rows)
