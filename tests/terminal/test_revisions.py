from __future__ import annotations

from dataclasses import replace

from bench.builder import make_summary

from ttcli.bench.figures.revisions import Attempt, revision_steps
from ttcli.bench.figures.summary import Revisions
from ttcli.terminal.marks import ASCII
from ttcli.terminal.revisions import revision_tables


def steps(*chains: str) -> Revisions:
    """Chains as strings of r and w."""
    attempts = [[Attempt(0, place, letter == "r") for place, letter in enumerate(chain)] for chain in chains]
    return Revisions("revise@4", revision_steps(attempts))


def test_each_place_in_the_chain_is_a_row_with_what_it_turned() -> None:
    summary = replace(make_summary([]), revisions=(steps("rww", "wr", "rrr", "www"),))
    assert revision_tables(summary, marks=ASCII) == [
        "revise@4: attempts by their place in the chain, with 95 % intervals",
        "",
        "attempt                       right             right to wrong             wrong to right",
        "-----------------------------------------------------------------------------------------",
        "      1  50.0 % (15.0 to 85.0) of 4",
        "      2  50.0 % (15.0 to 85.0) of 4  50.0 % (9.5 to 90.5) of 2  50.0 % (9.5 to 90.5) of 2",
        "      3   33.3 % (6.1 to 79.2) of 3   0.0 % (0.0 to 79.3) of 1   0.0 % (0.0 to 65.8) of 2",
    ]


def test_a_run_that_revises_nothing_has_no_such_table() -> None:
    assert revision_tables(make_summary([])) == []
