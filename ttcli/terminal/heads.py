"""Verifier heads in plain text: what each is for, and whether it helps."""

from __future__ import annotations

from collections.abc import Sequence

from ttcli.runtime.heads import LocalHead
from ttcli.terminal.columns import Column, table
from ttcli.terminal.runs import stdout_marks, stdout_width


def heads_lines(heads: Sequence[LocalHead]) -> list[str]:
    """A line per head."""
    if not heads:
        return ["no heads; ttc train verifier makes one"]
    columns = [
        Column("head", [head.name for head in heads], left=True),
        Column("model", [head.head.model for head in heads], left=True),
        Column("from", ["ttc" if head.shipped else "here" for head in heads], left=True),
        Column("AUC within a problem", [_auc(head) for head in heads]),
        Column("helps", ["yes" if head.helps else "not shown" for head in heads], left=True),
    ]
    return table(columns, stdout_width(), stdout_marks())


def _auc(head: LocalHead) -> str:
    figure = head.head.card.get("figures", {}).get("auc_within") or {}
    if figure.get("value") is None or figure.get("interval") is None:
        return "-"
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.3f} to {high:.3f})"
