"""The training on a tiny model; skipped where torch is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.lora.made import examples
from ttcli.errors import ModelError, StoreError, UsageError
from ttcli.train.lora.checkpoint import Checkpoint
from ttcli.train.lora.encoding import Example, probe
from ttcli.train.lora.gather import Prepared
from ttcli.train.lora.learning import Fitted, Forecast, Learning
from ttcli.train.lora.spec import Fitting

torch = pytest.importorskip("torch", reason="adapters are trained by torch, which is not installed")

FITTING = Fitting(rank=4, rate=1e-2, epochs=3, batch=8, tokens=60, device="cpu")
Run = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def prepared(tiny_path: Callable[[str], Path], tiny_model: Callable[[str], Any]) -> Prepared:
    own, others = examples(32), examples(6, seed=9)
    return Prepared(
        *(tiny_path("qwen3"), None, (), own, others, (32, 6), 0, None, None),  # type: ignore[arg-type]
        probe=probe(tiny_model("qwen3"), own[0]),
    )


@pytest.fixture
def run(prepared: Prepared, tmp_path: Path) -> Run:
    from ttcli.train.lora.loop import fit

    def go(fitting: Fitting = FITTING, **options: Any) -> list[Any]:
        stop_after = options.pop("stop_after", None)
        told: list[Any] = []
        configuration = {"rank": fitting.rank}
        own = options.pop("prepared", prepared)
        halted = lambda: stop_after is not None and sum(isinstance(each, Learning) for each in told) >= stop_after  # noqa: E731
        where = options.pop("path", tmp_path / "x.checkpoint")
        for each in fit(own, fitting, configuration, where, seed=1, threads=1, interrupted=halted, **options):
            told.append(each)  # noqa: PERF402 - asked meanwhile
        return told

    return go


def test_the_loss_falls_and_the_best_look_is_what_comes_of_it(run: Run) -> None:
    first, *steps, fitted = run()
    assert isinstance(first, Forecast)
    assert (first.examples, first.stopping, first.steps, first.done, first.device) == (32, 6, 12, 0, "cpu")
    assert first.seconds > 0
    assert isinstance(fitted, Fitted)
    looks = [loss for _, loss in fitted.progress.looks]
    assert fitted.progress.looks[0][0] == 0
    assert min(looks) < 0.7 * looks[0]
    assert [each.progress.step for each in steps] == [*range(1, 13)]
    assert (steps[-1].progress.done, steps[-2].progress.done) == (True, False)
    assert all(np.abs(values).max() > 0 for values in fitted.arrays.values())
    assert fitted.arrays["blk.3.ffn_down.weight.lora_b"].shape == (64, 4)


def test_a_training_that_was_interrupted_goes_on_to_the_same_end(run: Run, tmp_path: Path) -> None:
    whole = run()[-1]
    where = {"path": tmp_path / "other.checkpoint"}
    assert not isinstance(run(stop_after=5, **where)[-1], Fitted)
    again = run(**where)
    assert again[0].done == 5
    assert again[-1].progress.step == whole.progress.step
    for name, values in whole.arrays.items():
        assert np.allclose(again[-1].arrays[name], values, atol=1e-6), name
    assert np.allclose(again[-1].progress.looks, whole.progress.looks, atol=1e-5)
    assert [type(each) for each in run(**where)] == [Fitted]  # it is done


def test_checkpoints_are_written_every_few_minutes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    monkeypatch.setattr(Checkpoint, "write", lambda self, _path: written.append(self.progress.step))
    ticks = iter(range(0, 100_000, 50))
    run(clock=lambda: next(ticks))
    assert 1 < len(written) < 12
    assert written[-1] == 12


def test_a_disk_that_is_full_ends_it_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="cannot write the checkpoint"):
        run(path=tmp_path / "file" / "x.checkpoint", stop_after=1)


def test_it_stops_when_it_does_not_help_on_other_problems(run: Run, prepared: Prepared) -> None:
    from dataclasses import replace

    rng = np.random.default_rng(0)
    noise = [
        Example(each.tokens, each.places, tuple(map(float, rng.integers(0, 250, len(each.places)))))
        for each in prepared.stopping
    ]
    fitted = run(
        Fitting(rank=4, rate=2e-2, epochs=50, batch=8, patience=2, device="cpu"),
        prepared=replace(prepared, stopping=noise),
    )[-1]
    assert fitted.progress.step < 100
    assert fitted.progress.worse() == 2


def test_labels_at_tags_learn_soft_targets(run: Run, prepared: Prepared) -> None:
    from dataclasses import replace

    own = [Example(each.tokens, (len(each.tokens) - 1,), (float(each.tokens[0] == 97),)) for each in prepared.examples]
    fitted = run(
        Fitting(rank=4, rate=2e-2, epochs=10, batch=8, device="cpu", dropout=0.0),
        prepared=replace(prepared, examples=own, stopping=own, labels=(43, 45)),
    )[-1]
    assert fitted.progress.best is not None
    assert fitted.progress.best[1] < 0.3


def test_what_torch_computes_otherwise_than_llama_cpp_is_not_trained(run: Run, prepared: Prepared) -> None:
    from dataclasses import replace

    other = prepared.probe._replace(logits=prepared.probe.logits[::-1].copy())
    with pytest.raises(ModelError, match=r"torch computes .* otherwise than llama"):
        run(prepared=replace(prepared, probe=other))


def test_a_device_that_is_not_there_is_refused() -> None:
    from ttcli.train.lora.loop import device_of

    assert str(device_of("cpu")) == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="torch sees no cuda device here"):
            device_of("cuda")
