"""Verifiers made worse by noise in their weights, so that a text always gets the same score, as from a worse model.

Unlike a coin that is thrown at every look, such noise can be found by a search, and is: what it prefers stays there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lab.task import EASY, HELD_SEED, held, tasks

from ttcli.catalog.progress import NoProgress
from ttcli.catalog.pull import resolve
from ttcli.engine.params import SamplingParams
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.heads import find_head
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.seams import Extend, Extension
from ttcli.search.method import Demand
from ttcli.solution import Prefix
from ttcli.stats.logistic import Logistic, Term, logit
from ttcli.verifier.head import Head, Layer
from ttcli.verifier.head_file import write_head
from ttcli.verifier.spec import VerifierSpec
from ttcli.verifier.stack import STATES, Stack

LEVELS: Mapping[str, tuple[float, ...]] = {"head": (5.0, 16.0, 64.0), "prm": (0.25, 0.5, 1.0)}  # by kind of verifier
SEED = 17
CATALOG = Path(__file__).parents[2] / "models"
_LAYER = 1  # whose states carry the noise of a head
_SOLUTIONS = 400  # that its scale is told from
_RELIABLE = 1e-3  # of the largest variance: what is less may be rounding


class Worse(NamedTuple):
    """A verifier with so much noise in it, and the file that is to hold it."""

    verifier: VerifierSpec
    level: float
    path: Path

    @property
    def called(self) -> str:
        """What --verifier takes."""
        return f"{self.verifier.kind}:{self.path}"


def worse_ones(verifier: str, folder: Path) -> list[Worse]:
    """All levels of noise of one, in files that need not be there yet.

    []: its kind has no weights to put noise in, or it is a head without a name, or one that reads states already.
    """
    spec = VerifierSpec.parse(verifier)
    if spec.kind == "head" and (spec.model is None or find_head(spec.model, None).head.observed):
        return []
    ending = {"head": ".safetensors", "prm": ".gguf"}.get(spec.kind, "")
    stem = Path(spec.model or "").stem
    return [Worse(spec, level, folder / f"{stem}-noise-{level:g}{ending}") for level in LEVELS.get(spec.kind, ())]


def make(worse: Worse, policy: str) -> None:
    """Write the file; what is there stays. The same level, the same file."""
    if worse.path.exists():
        return
    if worse.verifier.kind == "head":
        _worse_head(worse, policy)
    else:
        _worse_reward_model(worse)


def _worse_head(worse: Worse, policy: str) -> None:
    """A head that goes, besides what it reads, by one direction of the hidden states that was drawn by lot.

    Among whitened states, so that it tells texts apart and not kinds of steps, all of which have some direction of
    their own. It weighs so many times the spread that the log-odds of the head have over steps; the sum is made
    as wide as these were, or else a noisy head would be a sure one.
    """
    head = find_head(worse.verifier.model, None).head
    assert isinstance(head, Stack)  # the others read states
    solutions = _solutions(policy)
    states = np.stack([step.states[_LAYER] for prefix in solutions for step in prefix.steps])
    own = np.array([score for prefix in solutions for score in head.judge(prefix, ())[1]])
    spread, narrower = float(logit(own).std()), 1 / np.hypot(1, worse.level)
    mean, scale = states.mean(axis=0), np.ones(states.shape[1], np.float32)
    variances, axes = np.linalg.eigh(np.cov(states, rowvar=False))
    kept = variances > _RELIABLE * variances.max()
    lot = np.random.default_rng(SEED).standard_normal(int(kept.sum())) / np.sqrt(variances[kept] * kept.sum())
    unit = Layer((axes[:, kept] @ lot).astype(np.float32)[:, None], np.zeros(1, np.float32))
    terms = {name: replace(term, weight=term.weight * narrower) for name, term in head.combination.terms.items()}
    terms[STATES] = Term(0.0, 1.0, worse.level * spread * narrower)
    combination = Logistic(head.combination.intercept * narrower, terms)
    write_head(worse.path, Stack(combination, (Head(_LAYER, "last", mean, scale, (unit,), head.card),), head.card))


@cache  # all levels go by the same ones
def _solutions(policy: str) -> list[Prefix]:
    """One of each of some problems, none of which is held out, if it has steps."""
    fresh = tasks(HELD_SEED + 1, easy=EASY, without=frozenset(task.problem for task in held()))
    problems = [Problem(next(fresh).problem) for _ in range(_SOLUTIONS)]
    settings = Settings(
        model=policy,
        method_name="majority",
        sampling=SamplingParams(temperature=1.0),
        max_tokens=160,
        machine=Machine(threads=1),
    )
    known = load_runtime(settings, Interrupt(), NoProgress(), bench=(), demand=Demand(), observe=lambda _: (_LAYER,))
    with known as runtime:
        runtime.policy.expect(problems)
        asked = (Extend(runtime.policy.start(problem), (SEED, problem.key, 0)) for problem in problems)
        return [
            each.prefix
            for happenings in runtime.policy.extend(asked)
            for each in happenings
            if isinstance(each, Extension) and each.prefix.steps
        ]


def _worse_reward_model(worse: Worse) -> None:
    """A reward model, each of whose matrices got noise of so many times its own standard deviation."""
    import gguf

    name = str(worse.verifier.model)
    path = resolve(name, offline=True, progress=NoProgress()).path
    reader = gguf.GGUFReader(path)
    unfinished = worse.path.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind, inner = field.types[0], field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(field.name, field.contents(), kind, inner)
    rng = np.random.default_rng(SEED)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if values.ndim > 1:
            values = values + worse.level * values.std() * rng.standard_normal(values.shape).astype(np.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    worse.path.with_suffix(".toml").write_text(_described(path), encoding="utf-8")
    unfinished.rename(worse.path)


def _described(path: Path) -> str:
    """How a reward model wants a solution put, as the TOML beside it or that of the catalog says."""
    beside = path.with_suffix(".toml")
    text = (beside if beside.exists() else CATALOG / beside.name).read_text(encoding="utf-8")
    told = tomllib.loads(text)["verifier"]
    return "\n".join(["[verifier]", *(f"{key} = {json.dumps(value)}" for key, value in told.items()), ""])
