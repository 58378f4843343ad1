"""Modules that are imported beside the weights."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ttcli.runtime.ahead import BEHIND_WEIGHTS, import_ahead


def test_one_that_fails_keeps_no_other_from_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fails_here.py").write_text("raise SystemError", encoding="utf-8")
    (tmp_path / "imported_ahead.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    import_ahead(["fails_here", "there_is_none", "imported_ahead"]).join()
    assert "imported_ahead" in sys.modules
    assert "fails_here" not in sys.modules


@pytest.mark.parametrize("module", BEHIND_WEIGHTS)
def test_all_of_them_exist(module: str) -> None:
    assert find_spec(module)
