from __future__ import annotations

import pytest

from ttcli.bench.session import BenchSpec
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.runtime.settings import Settings


@pytest.mark.parametrize(
    ("tasks", "beams"),
    [
        ([Task("majority", "", Budget(64))], 0),
        ([Task("majority", "", Budget(64)), Task("beam", "confidence", Budget(16))], 16),
        ([Task("lookahead:k=3", "confidence", Budget(64)), Task("beam", "confidence", Budget(8))], 16),
    ],
)
def test_the_widest_search_says_how_much_room_the_engine_needs(tasks: list[Task], beams: int) -> None:
    settings = Settings("scripted:none.json")
    assert BenchSpec(settings, tuple(tasks), "majority", "data", (), ()).demand.beams == beams
