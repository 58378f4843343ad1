from __future__ import annotations

import pytest
from catalog.doubles import Recorded

from ttcli.runtime.settings import Settings
from ttcli.runtime.width import fitting


@pytest.mark.parametrize(("context", "most"), [(1024, 512), (512, 256), (1025, 1024), (32768, 1024)])
def test_the_usual_length_gives_way_to_a_context_that_has_no_room_for_it(context: int, most: int) -> None:
    progress = Recorded()
    assert fitting(Settings(), context, "m", progress).max_tokens == most
    assert bool(progress.notes) == (most != 1024)


def test_a_length_that_was_asked_for_does_not() -> None:
    settings = Settings(max_tokens=2000)
    assert fitting(settings, 1024, "m", Recorded()) == settings
