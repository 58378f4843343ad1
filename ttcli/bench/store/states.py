"""What a verifier head learns from: the hidden states at the ends of a sample's steps, and other ends of samples."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.bench.store.database import Database
from ttcli.solution import Ended, Step

_LARGEST = float(np.finfo(np.float16).max)  # what is beyond is kept as this


class Rollout(NamedTuple):
    """Another end of a sample, from one of its steps on."""

    sample: int  # its id in the store
    step: int  # the last one that it has in common with the sample, from 0
    number: int  # order of drawing, from 0
    answer: str | None
    ended: Ended  # STOP or LENGTH
    tokens: int  # sampled for it
    seconds: float  # its share of the decodes it grew in
    steps: tuple[Step, ...] = ()  # behind what it has in common with the sample; (): by a ttc that did not keep them


class States:
    """Hidden states and rollouts, by the id that a sample has in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def layers(self, samples: Collection[int]) -> dict[int, set[int]]:
        """The layers whose states are kept, for each of the samples."""
        found = self._database.read(f"SELECT sample, layer FROM state {_AMONG}", (json.dumps([*samples]),))
        layers: dict[int, set[int]] = {sample: set() for sample in samples}
        for sample, layer in found:
            layers[sample].add(layer)
        return layers

    def add(self, sample: int, states: Mapping[int, NDArray[np.float32]]) -> None:
        """Keep states, by layer: [steps, width of the model]; those that are there already stay as they are."""
        with self._database.write() as db:
            insert_states(db, sample, states)

    def read(self, samples: Collection[int], layer: int) -> dict[int, NDArray[np.float16]]:
        """The states of one layer, [steps, width of the model], of those samples that have them."""
        found = self._database.read(
            "SELECT state.sample, states, json_array_length(steps) FROM state JOIN sample ON sample.id = state.sample "
            f"{_AMONG} AND layer = ?",
            (json.dumps([*samples]), layer),
        )
        return {sample: np.frombuffer(blob, "<f2").reshape(steps, -1) for sample, blob, steps in found}

    def by_step(
        self, samples: Collection[int], layers: Iterable[int]
    ) -> dict[int, list[dict[int, NDArray[np.float32]]]]:
        """What each step of a sample carries of these layers, as `Step.states`; without samples that have none."""
        found: dict[int, list[dict[int, NDArray[np.float32]]]] = {}
        for layer in layers:
            for sample, states in self.read(samples, layer).items():
                steps = found.setdefault(sample, [{} for _ in states])
                for step, state in zip(steps, states.astype(np.float32), strict=True):
                    step[layer] = state
        return found

    def add_rollout(self, rollout: Rollout) -> None:
        """Keep a rollout; one that is there already stays as it is."""
        steps = [[step.text, step.tokens, step.logprob] for step in rollout.steps]
        told = (rollout.ended.value, rollout.tokens, rollout.seconds, json.dumps(steps) if steps else None)
        values = (*rollout[:4], *told)
        with self._database.write() as db:
            added = db.execute(
                "INSERT OR IGNORE INTO rollout (sample, step, number, answer, ended, tokens, seconds, steps) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            if added.rowcount:
                kept = stacked([step.states for step in rollout.steps])
                rows = [(*rollout[:3], layer, _blob(states)) for layer, states in kept.items()]
                db.executemany("INSERT OR IGNORE INTO rollout_state VALUES (?, ?, ?, ?, ?)", rows)

    def rollouts(self, samples: Collection[int]) -> list[Rollout]:
        """All rollouts of these samples, by sample, step and number; their steps carry no states."""
        found = self._database.read(
            "SELECT sample, step, number, answer, ended, tokens, seconds, steps "
            f"FROM rollout {_AMONG} ORDER BY sample, step, number",
            (json.dumps([*samples]),),
        )
        return [
            Rollout(*row)._replace(ended=Ended(row[4]), steps=tuple(Step(*step) for step in json.loads(steps or "[]")))
            for *row, steps in found
        ]

    def of_rollouts(self, samples: Collection[int], layer: int) -> dict[tuple[int, int, int], NDArray[np.float16]]:
        """The states of one layer at the ends of a rollout's own steps, [steps, width], by sample, step and number."""
        found = self._database.read(
            "SELECT sample, step, number, states, json_array_length(steps) "
            f"FROM rollout_state JOIN rollout USING (sample, step, number) {_AMONG} AND layer = ?",
            (json.dumps([*samples]), layer),
        )
        return {tuple(key): np.frombuffer(blob, "<f2").reshape(steps, -1) for *key, blob, steps in found}


_AMONG = "WHERE sample IN (SELECT value FROM json_each(?))"


def insert_states(db: sqlite3.Connection, sample: int, states: Mapping[int, NDArray[np.float32]]) -> None:
    """Write states in a transaction that is open."""
    rows = [(sample, layer, _blob(found)) for layer, found in states.items()]
    db.executemany("INSERT OR IGNORE INTO state VALUES (?, ?, ?)", rows)


def stacked(steps: Sequence[Mapping[int, NDArray[np.float32]]]) -> dict[int, NDArray[np.float32]]:
    """The states of steps by layer, [steps, width of the model]; layers that one of them lacks are left out."""
    common: Iterable[int] = set.intersection(*map(set, steps)) if steps else ()
    return {layer: np.stack([states[layer] for states in steps]) for layer in sorted(common)}


def _blob(states: NDArray[np.float32]) -> bytes:
    return np.clip(states, -_LARGEST, _LARGEST).astype("<f2").tobytes()
