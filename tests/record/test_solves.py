"""The runs of `ttc solve` that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from ttcli.errors import UsageError
from ttcli.record.solves import Solves


def test_only_so_many_are_kept_the_oldest_go(tmp_path: Path) -> None:
    solves = Solves(tmp_path / "solves", most=3)
    ids = []
    for number in range(5):
        ids.append(solves.add({"problem": str(number)}))
        (new,) = (kept for kept in solves.all() if kept.id == ids[-1])
        new.path.rename(new.path.with_name(f"{number:013d}{new.path.name[13:]}"))  # they may be of one millisecond
    assert [kept.id for kept in solves.all()] == ids[2:]
    assert [kept.id for kept in solves.named("last")] == ids[-1:]
    assert [kept.id for kept in solves.named(ids[3][:7])] == [ids[3]]


def test_nothing_need_be_there(tmp_path: Path) -> None:
    solves = Solves(tmp_path / "nowhere")
    assert solves.all() == solves.named("last") == []
    assert not (tmp_path / "nowhere").exists()


def test_what_is_no_record_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    solves = Solves(tmp_path)
    solves.add({"problem": "1"})
    (kept,) = solves.all()
    with pytest.raises(UsageError, match="is no record of ttc solve"):
        kept.read()
