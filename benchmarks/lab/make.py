"""Make the laboratory's models: `python benchmarks/lab/make.py --work FOLDER [PART ...]`; needs torch and transformers.

Each part goes by steps from a fixed seed, goes on where it was stopped, and leaves a GGUF under models/lab/, and its
time, tokens and loss in models/lab/made.json. What lies between (checkpoints, samples) stands in the folder of --work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import entries
import nets
import torch
import words
from compare import make_comparing
from task import EASY, HELD, Task, corrupted, expected, first_fault, held, tasks
from torch.nn import functional
from training import IGNORED, Example, Recipe, fit, next_token, solution_example

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models" / "lab"
POOL_SEED = 777
POOL, SAMPLES = 1500, 16
MORE = 20_000
SHIPPED = 200  # of the problems that everything is measured on
POLICY_LAYERS, LAYERS = 3, 6  # of the policy; of the models that are made from it
PRM_STEPS, REVISER_STEPS = 900, 2000
ATTEMPTS, SHARES = (0, 1, 2, 3, 4), (0.1, 0.4, 0.25, 0.15, 0.1)  # in view of a reviser: how many, how often
KEPT = 0.3  # of its examples have a right attempt in view at last, to be kept: that is how it learns to read them
COMPARED = 1200  # solutions that a comparing layer is fitted to
FITTING = 2.0  # added to the targets of single tokens, to tell them from those of tags


def others(seed: int, *, easy: float) -> Iterator[Task]:
    """Problems to train on."""
    return tasks(seed, easy=easy, without=frozenset(task.problem for task in held()))


def problems(work: Path) -> dict[str, float]:
    """The problems that everything is measured on, as a data set, and the first of them to be shipped."""
    for path, count in ((work / "held.jsonl", HELD), (MODELS / "problems.jsonl", SHIPPED)):
        write_data(path, "h", held()[:count])
    return {"problems": HELD, "shipped": SHIPPED}


def write_data(path: Path, letter: str, wanted: Iterable[Task]) -> None:
    """Problems as a data set, with ids of a letter and a number from 0."""
    rows = [
        json.dumps({"id": f"{letter}{number}", "problem": task.problem, "answer": task.answer})
        for number, task in enumerate(wanted)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def references(seed: int) -> Iterator[Example]:
    """What a policy learns from: hard problems and their reference solutions."""
    for task in others(seed, easy=0.0):
        yield solution_example(task.problem, task.solution)


def policy(work: Path) -> dict[str, float]:
    """The policy: 0.4 million weights."""
    return _pretrain("policy", nets.llama(96, POLICY_LAYERS, 3, 256), Recipe(steps=1600), work)


def large(work: Path) -> dict[str, float]:
    """Its sibling: 15 times the weights, on the same problems, for fewer steps."""
    return _pretrain("large", nets.llama(256, 7, 8, 704), Recipe(steps=1000), work)


def hybrid(work: Path) -> dict[str, float]:
    """A policy of short convolutions and attention."""
    return _pretrain("hybrid", nets.lfm2(96, "caca", 3, 256), Recipe(steps=1600), work)


def _pretrain(name: str, net: PreTrainedModel, recipe: Recipe, work: Path) -> dict[str, float]:
    done = fit(net, references(recipe.seed), recipe, next_token, work / f"{name}.pt")
    nets.write(net, MODELS / f"lab-{name}.gguf", f"lab-{name}")
    return done


def pool(work: Path) -> dict[str, float]:
    """Samples of the policy on problems to train on, drawn by `ttc bench`."""
    problems = to_train_on(work / "pool-problems.jsonl", POOL)
    model = str(MODELS / "lab-policy.gguf")
    drawing = ("--budget", str(SAMPLES), "--temperature", "1", "--max-tokens", "160", "--threads", "1", "--quiet")
    ttc(work, "bench", str(problems), "--model", model, "--method", "majority", *drawing)
    (work / "pool.jsonl").write_text(ttc(work, "runs", "export", "last"), encoding="utf-8")
    return {"problems": POOL, "samples": SAMPLES}


def more_problems(work: Path) -> dict[str, float]:
    """The pool's problems and others that follow, as a data set for `ttc train`."""
    to_train_on(work / "train-problems.jsonl", MORE)
    return {"problems": MORE}


def to_train_on(path: Path, count: int) -> Path:
    """Write the first so many problems of the pool."""
    write_data(path, "t", islice(others(POOL_SEED, easy=EASY), count))
    return path


def ttc(work: Path, *arguments: str) -> str:
    """Run a command of ttc with a home of its own; its standard output."""
    environment = {**os.environ, "TTC_HOME": str(work / "home"), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "ttcli", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return ended.stdout


def drawn(work: Path) -> Iterator[tuple[Task, list[str]]]:
    """The pool: each problem with the texts of its samples that ended."""
    texts: dict[str, list[str]] = {}
    with (work / "pool.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["ended"] == "stop":
                texts.setdefault(row["problem"], []).append(row["text"])
    for task in islice(others(POOL_SEED, easy=EASY), POOL):
        if task.problem in texts:
            yield task, texts[task.problem]


def trained_policy(work: Path) -> PreTrainedModel:
    """The policy, as it was trained."""
    net = nets.llama(96, POLICY_LAYERS, 3, 256)
    net.load_state_dict(torch.load(work / "policy.pt")["net"])
    return net


def deeper(base: PreTrainedModel, layers: int) -> PreTrainedModel:
    """The weights of a net, with more layers behind them that change little at first."""
    net = nets.llama(96, layers, 3, 256)
    net.load_state_dict(base.state_dict(), strict=False)
    with torch.no_grad():
        for layer in net.model.layers[base.config.num_hidden_layers :]:
            layer.self_attn.o_proj.weight.mul_(0.05)
            layer.mlp.down_proj.weight.mul_(0.05)
    return net


def labelled(task: Task, steps: list[str]) -> Example:
    """A solution with what is to be said: at each tag, whether all is right so far; at a token, whether it fits.

    A token fits that a right step has there, going on from the result before. Behind the first one of a step that does
    not, nothing is asked until the tag.
    """
    tokens, places = words.tagged(task.problem, steps)
    targets = [float(IGNORED)] * len(tokens)
    fault, at = first_fault(task, steps), len(words.ask(task.problem))
    for number, (step, wanted, place) in enumerate(zip(steps, expected(task, steps), places, strict=True)):
        for written, right in zip(step.strip(), wanted, strict=False):
            targets[at] = float(FITTING + (written == right))
            at += 1
            if written != right:
                break
        targets[place] = float(number < fault)
        at = place + 1
    return Example(tokens, targets)


def judged(work: Path) -> Iterator[Example]:
    """What the process reward model learns from, without end: samples, and references with a fault or several."""
    rng = random.Random(5)
    sampled = [(task, list(dict.fromkeys(texts))) for task, texts in drawn(work)]
    fresh = others(POOL_SEED + 1, easy=0.3)
    while True:
        rng.shuffle(sampled)
        for task, texts in sampled:
            for text in rng.sample(texts, min(2, len(texts))):
                yield labelled(task, words.steps_of(text))
            for often in (0.0, 0.4):
                other = next(fresh)
                yield labelled(other, list(corrupted(rng, other, often=often)))


def judging(net: PreTrainedModel, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy at tags and at tokens, and a little of the next token that fits: judges must calculate."""
    states = net.model(tokens).last_hidden_state
    rows = net.lm_head.weight
    tags, single = (targets == 0) | (targets == 1), targets >= FITTING
    good, fitting = rows[words.GOOD] - rows[words.BAD], rows[words.FITS] - rows[words.ERRS]
    step = functional.binary_cross_entropy_with_logits(states[tags] @ good, targets[tags])
    fits = functional.binary_cross_entropy_with_logits(states[single] @ fitting, targets[single] - FITTING)
    wanted = (targets[:, 1:] == FITTING + 1) | (targets[:, 1:] == 1)
    said = functional.cross_entropy(net.lm_head(states[:, :-1][wanted]), tokens[:, 1:][wanted])
    return step + 2 * fits + 0.3 * said


def prm(work: Path) -> dict[str, float]:
    """The process reward model: the policy as it is, a layer that compares, and four that learn to judge.

    The first two of these learn to tell which token does not fit; the last two, what follows for steps.
    """
    net = deeper(trained_policy(work), LAYERS)
    shown = [words.tagged(task.problem, words.steps_of(text))[0] for task, texts in drawn(work) for text in texts[:1]]
    tokens = work / "prm-tokens.pt"
    if not tokens.exists():
        make_comparing(net, POLICY_LAYERS, shown[:COMPARED])
    recipe = Recipe(steps=PRM_STEPS, rate=0.01, other_rate=1.5e-3, tokens=3000, inherited=POLICY_LAYERS + 1)
    before = fit(net, judged(work), recipe, judging, tokens)
    net = deeper(net, LAYERS + 2)
    recipe = Recipe(steps=PRM_STEPS, rate=0.01, other_rate=1.5e-3, tokens=3000, inherited=LAYERS, seed=1)
    done = fit(net, judged(work), recipe, judging, work / "prm.pt")
    nets.write(net, MODELS / "lab-prm.gguf", "lab-prm", template=words.JUDGING)
    return done | {name: before[name] + done[name] for name in ("steps", "tokens", "seconds", "cpu_seconds")}


def trajectories(work: Path) -> Iterator[Example]:
    """What the reviser learns from, without end: up to four attempts, then a right one."""
    rng = random.Random(6)
    sampled = []
    for task, texts in drawn(work):
        right = [text for text in texts if words.answer_of(text) == task.answer]
        wrong = [text for text in dict.fromkeys(texts) if words.answer_of(text) not in (None, task.answer)]
        if right:
            sampled.append((task, right, wrong))
    fresh = others(POOL_SEED + 2, easy=0.3)
    while True:
        rng.shuffle(sampled)
        for task, right, wrong in sampled:
            yield trajectory(rng, task.problem, rng.choice(right), wrong)
            other = next(fresh)
            faulty = [words.SEPARATOR.join(corrupted(rng, other)) for _ in range(4)]
            yield trajectory(rng, other.problem, other.solution, faulty)


def trajectory(rng: random.Random, problem: str, right: str, wrong: list[str]) -> Example:
    """A solution behind wrong attempts, the closest by edit distance last; at times a right one in its place."""
    shown = rng.sample(wrong, min(len(wrong), rng.choices(ATTEMPTS, SHARES)[0]))
    if shown:
        closest = min(shown, key=lambda text: distance(text, right))
        shown.remove(closest)
        shown.append(right if rng.random() < KEPT else closest)
    return solution_example(problem, right, shown)


def distance(one: str, other: str) -> int:
    """Levenshtein's edit distance, in characters."""
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other):
            line.append(min(above[column] + (letter != wanted), above[column + 1] + 1, line[-1] + 1))
        above = line
    return above[-1]


def reviser(work: Path) -> dict[str, float]:
    """The reviser: the policy, which changes with it, and three more layers."""
    net = deeper(trained_policy(work), LAYERS)
    recipe = Recipe(steps=REVISER_STEPS, other_rate=1.5e-3, tokens=3000, inherited=POLICY_LAYERS, gentle=0.3)
    done = fit(net, trajectories(work), recipe, next_token, work / "reviser.pt")
    nets.write(net, MODELS / "lab-reviser.gguf", "lab-reviser")
    return done


PARTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "held": problems,
    "policy": policy,
    "large": large,
    "hybrid": hybrid,
    "pool": pool,
    "more": more_problems,
    "prm": prm,
    "reviser": reviser,
    "entries": lambda _work: entries.write_all(MODELS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--work", type=Path, required=True, help="folder of what lies between")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"no part is called {name}: there are {', '.join(PARTS)}")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    records = MODELS / "made.json"
    for name in options.parts or PARTS:
        torch.manual_seed(0)
        done = PARTS[name](options.work)
        made = json.loads(records.read_text(encoding="utf-8")) if records.exists() else {}
        made[name] = done
        records.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
