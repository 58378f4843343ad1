"""What sharing cells saves a beam search, and what the same search costs on llama-cpp-python's `Llama`.

    python benchmarks/search.py --keep search.jsonl  8 GSM8K problems, N = 16, M = 4, default model, over two hours;
                                                     run again, it measures those that the file does not have yet
    python benchmarks/search.py --seconds 480 …      the same with eight minutes a problem, which cut the loop short
    python benchmarks/search.py --quick --json       one problem on smollm2-135m, under 55 s; one JSON line

Three ways to run the same beam search:

    prm     `beam` on the engine: all beams grow in one batch, forks share their prefix's cells; the verifier is the
            policy's own GGUF read as a process reward model (`+` or `-` behind each step), which keeps the cells of
            what it has read, and reads the new steps of a round together
    head    the same with a head on the policy's hidden states, which come with the decode
    loop    one candidate after the other on `llama_cpp.Llama`, which reuses what its last text has in common with the
            next; a second one reads every new step, as it must for the scores of a process reward model and for hidden
            states alike, since `Llama` shows no states while it writes

What the verifiers think does not matter here, what they cost does. The speed of a shared machine drifts, so the three
take turns, each with its own clock, and their seconds are compared per token of new text, because their trees differ.

    prefix_ratio                     tokens of prompts and prefixes that were shared or decoded, over those decoded
    verifier_tokens_per_new_token    that went through the verifier, problem and tags included, over tokens of steps
    read_twice                       share of the verifier's tokens that it had read before
    speedup, speedup_prm             seconds of the loop over those of head, and of prm, per token of new text
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ttcli.catalog.forms import PrmForm
from ttcli.catalog.pull import resolve
from ttcli.cost import Budget, Cost, Meter
from ttcli.data.dataset import read_dataset
from ttcli.engine import machine
from ttcli.engine.library import library
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.template import ChatTemplate
from ttcli.events import CostUpdated, RunFinished, StepFinished, StepScored
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import StepScores, Verifier
from ttcli.search.methods import parse_method
from ttcli.search.tree import ROUNDS
from ttcli.solution import Node, Prefix
from ttcli.terminal.download import download_progress
from ttcli.verifier.form import StepTag
from ttcli.verifier.head import Head, Layer
from ttcli.verifier.head_verifier import HeadVerifier
from ttcli.verifier.prm import Prm

SAMPLER = SamplingParams()
PROMPT = Prompt(system="You are a helpful assistant.")
SHORT_STEPS = Prompt(system="You are a helpful assistant.", step_separator=".")  # several rounds in a short time
DATA = Path(__file__).parents[2] / "shared" / "data" / "gsm8k_test_first1000.jsonl"
PROBLEM = Problem(
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
LOOP_TOKENS = 8  # of the loop per turn: about as long as one wide decode
QUICK_SECONDS = 36.0


@dataclass
class Spending:
    """What one search has used so far."""

    seconds: float = 0.0
    verifying: float = 0.0  # seconds of them
    tokens: int = 0  # of new text

    @property
    def per_token(self) -> float:
        """Seconds."""
        return self.seconds / self.tokens


class Timed:
    """A verifier that knows how long it has taken."""

    def __init__(self, verifier: Verifier) -> None:
        self.name, self.parameters, self.partial = verifier.name, verifier.parameters, verifier.partial
        self.price, self.release, self.close = verifier.price, verifier.release, verifier.close
        self.seconds = 0.0
        self._verifier = verifier

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """What the verifier says."""
        begin = time.perf_counter()
        try:
            return self._verifier.score(prefixes)
        finally:
            self.seconds += time.perf_counter() - begin


class Ours:
    """A beam search on the engine, a decode at a time."""

    def __init__(
        self, model: Model, verifier: Verifier, observe: Sequence[int], problem: Problem, options: Any
    ) -> None:
        self.spent = Spending()
        self.cost = Cost()
        self.nodes: dict[int, Node] = {}
        self.scored: list[Node] = []
        self._verifier = Timed(verifier)
        self._policy = LocalPolicy(
            model,
            name="policy",
            prompt=options.prompt,
            sampling=SAMPLER,
            max_tokens=options.max_tokens,
            width=options.beams,
            beams=options.beams,
            observe=observe,
        )
        meter = Meter(Budget(options.beams), max_tokens=options.max_tokens)
        self._events = parse_method(f"beam:m={options.expand}").run(
            problem, self._policy, self._verifier, meter, seed=options.seed
        )

    def turn(self) -> bool:
        """Go on to the end of a decode; False when the search is over."""
        begin = time.perf_counter()
        for event in self._events:
            if isinstance(event, StepFinished):
                self.nodes[event.node.number] = event.node
            elif isinstance(event, StepScored):
                self.scored.append(self.nodes[event.node])
            elif isinstance(event, CostUpdated):
                self.cost = event.cost
                break
            elif isinstance(event, RunFinished):
                self.cost = event.outcome.cost
        else:
            return False
        self.spent.seconds += time.perf_counter() - begin
        self.spent.verifying = self._verifier.seconds
        self.spent.tokens = self.cost.policy_tokens
        return True

    @property
    def verifier_tokens_per_new_token(self) -> float:
        """Of the steps that it has scored."""
        return self.cost.verifier_tokens / sum(node.tokens for node in self.scored)

    @property
    def again(self) -> int:
        """Tokens decoded a second time."""
        return self._policy.scheduler.again

    def close(self) -> None:
        """End the search; free its contexts."""
        self._events.close()
        self._policy.close()
        self._verifier.close()


@dataclass
class Strand:
    """A beam of the loop."""

    ids: list[int]
    steps: list[str] = field(default_factory=list)
    score: float = 0.0
    ended: bool = False


class Loop:
    """The same search, one candidate after the other on two `Llama` objects; yields when it has had a turn."""

    def __init__(self, path: Path, model: Model, form: StepTag, problem: Problem, options: Any) -> None:
        self.spent = Spending()
        prompt = ChatTemplate(model).encode(options.prompt.messages(problem))
        cells = len(prompt) + options.max_tokens + 256
        self._policy, self._verifier = (self._llama(path, cells) for _ in range(2))
        self._form, self._problem, self._model, self._options = form, problem, model, options
        self._turns = self._search(prompt)

    def turn(self) -> bool:
        """Go on for a few tokens; False when the search is over."""
        begin = time.perf_counter()
        more = next(self._turns, None) is not None
        self.spent.seconds += time.perf_counter() - begin
        return more

    def close(self) -> None:
        """Free the contexts."""
        self._turns.close()
        self._policy.close()
        self._verifier.close()

    @staticmethod
    def _llama(path: Path, cells: int) -> Any:
        threads = machine.threads()
        return library().Llama(
            str(path),
            n_ctx=cells,
            n_batch=512,
            n_threads=threads,
            n_threads_batch=threads,
            flash_attn=True,
            verbose=False,
        )

    def _search(self, prompt: list[int]) -> Iterator[bool]:
        options = self._options
        finished: list[Strand] = []
        parents = [Strand(prompt)] * options.beams
        for _ in range(ROUNDS):
            grown = []
            for parent in parents:
                child = Strand([*parent.ids], [*parent.steps])
                yield from self._step(child, options.max_tokens - (len(child.ids) - len(prompt)))
                child.score = self._score(child)
                yield True
                grown.append(child)
            kept = sorted([*grown, *finished], key=lambda each: -each.score)[: options.beams // options.expand]
            finished = [each for each in kept if each.ended]
            parents = [each for each in kept if not each.ended for _ in range(options.expand)]
            if not parents:
                return

    def _step(self, child: Strand, room: int) -> Iterator[bool]:
        """Sample until the separator, the end of the turn or the token limit."""
        drawing = self._policy.generate(
            child.ids,
            top_k=SAMPLER.top_k,
            top_p=SAMPLER.top_p,
            min_p=SAMPLER.min_p,
            temp=SAMPLER.temperature,
            repeat_penalty=1.0,
        )
        text = ""
        for taken in itertools.count(1):
            token = next(drawing)
            child.ids.append(token)
            self.spent.tokens += 1
            child.ended = self._model.ends_generation(token) or taken >= room
            text += "" if child.ended else self._model.piece(token).decode("utf-8", "replace")
            if child.ended or self._options.prompt.step_separator in text.lstrip():
                break
            if taken % LOOP_TOKENS == 0:
                yield True
        child.steps.append(text)

    def _score(self, child: Strand) -> float:
        """P(+) behind the last step; what the verifier read last is kept as far as it is the same."""
        begin = time.perf_counter()
        ids = self._form.head(self._problem.text)
        for number, step in enumerate(child.steps):
            ids = ids + self._form.step(step, first=number == 0)
        llama = self._verifier
        known = llama.input_ids[: llama.n_tokens].tolist()
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(known, ids, strict=False)))
        llama.n_tokens = min(same, len(ids) - 1)
        llama.eval(ids[llama.n_tokens :])
        row = np.ctypeslib.as_array(library().llama_get_logits_ith(llama.ctx, -1), shape=(self._model.vocabulary,))
        good, bad = row[list(self._form.labels)].astype(float)
        self.spent.verifying += time.perf_counter() - begin
        return float(1 / (1 + np.exp(bad - good)))


def plain_head(model: Model) -> Head:
    """A head that knows nothing, on a middle layer: any linear head costs the same."""
    width = model.width
    unit = Layer(np.zeros((width, 1), np.float32), np.zeros(1, np.float32))
    zeros, ones = np.zeros(width, np.float32), np.ones(width, np.float32)
    return Head(model.layers // 2, "mean", zeros, ones, (unit,), {"model": "any", "weights": ""})


def read_once(form: StepTag, problem: Problem, nodes: Sequence[Node]) -> int:
    """Tokens of the problem and of every step of a tree, in the verifier's words, each counted once."""
    places = {0: ""}
    for node in nodes:
        places[node.number] = places[node.parent] + "\0" + node.text
    steps = {places[node.number]: form.step(node.text, first=node.parent == 0) for node in nodes}
    return len(form.head(problem.text)) + sum(len(ids) for ids in steps.values())


def measure(path: Path, model: Model, problem: Problem, options: Any) -> dict[str, float]:
    """One problem, three searches, which end early after `options.seconds` in all."""
    patience = options.seconds or float("inf")
    form = StepTag(model, PrmForm("step-tag", "+", "-", "ки"))
    head = plain_head(model)
    template = ChatTemplate(model)
    states = HeadVerifier(
        head, "head", model, lambda asked: template.encode(options.prompt.messages(asked)), carried=True
    )
    ours = Ours(model, Prm(model, form), (), problem, options)
    headed = Ours(model, states, [head.layer], problem, options)
    loop = Loop(path, model, form, problem, options)
    searches: list[Ours | Loop] = [ours, headed, loop]
    running = [*searches]
    while running and (sum(each.spent.seconds for each in searches) < patience or not ours.cost.verifier_tokens):
        next_one = min(running, key=lambda each: each.spent.seconds)
        if not next_one.turn():
            running.remove(next_one)
    told = {
        "policy_tokens": ours.spent.tokens,
        "prefix_ratio": (ours.cost.prompt_tokens + ours.cost.shared_tokens) / (ours.cost.prompt_tokens + ours.again),
        "verifier_tokens_per_new_token": ours.verifier_tokens_per_new_token,
        "read_twice": max(0.0, 1 - read_once(form, problem, ours.scored) / ours.cost.verifier_tokens),
        "head_tokens_per_new_token": headed.verifier_tokens_per_new_token,
        "verifier_seconds_share": ours.spent.verifying / ours.spent.seconds,
        "head_seconds_share": headed.spent.verifying / headed.spent.seconds,
        "loop_verifier_seconds_share": loop.spent.verifying / loop.spent.seconds,
        "speedup": loop.spent.per_token / headed.spent.per_token,
        "speedup_prm": loop.spent.per_token / ours.spent.per_token,
    }
    for search in searches:
        search.close()
    return told


def settings(options: Any, problem: Problem) -> dict[str, Any]:
    """All that the figures of a problem depend on."""
    names = ("model", "beams", "expand", "max_tokens", "seconds", "seed", "quick")
    return {name: getattr(options, name) for name in names} | {"problem": problem.text}


def kept(options: Any, problem: Problem) -> dict[str, float] | None:
    """The figures of a problem that was measured before with the same settings."""
    if not options.keep or not options.keep.exists():
        return None
    lines = [json.loads(line) for line in options.keep.read_text(encoding="utf-8").splitlines()]
    same = settings(options, problem)
    return next((line["figures"] for line in lines if {**line, **same} == line), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--beams", type=int, default=16, help="N")
    parser.add_argument("--expand", type=int, default=4, help="M")
    parser.add_argument("--problems", type=int, default=8, help="of GSM8K test, from the first")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one problem, smollm2-135m, about 40 s")
    parser.add_argument("--seconds", type=float, metavar="S", help="for the three searches of a problem together")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="JSON lines, one for each problem that is done")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    options.prompt = SHORT_STEPS if options.quick else PROMPT
    if options.quick:
        options.model, options.max_tokens, options.seconds = "smollm2-135m", 120, QUICK_SECONDS
    problems = (
        [PROBLEM]
        if options.quick
        else [row.problem for row in read_dataset(str(options.data)).rows][: options.problems]
    )
    path = resolve(options.model, offline=False, progress=download_progress()).path
    model = Model(path)
    told = []
    for number, problem in enumerate(problems, start=1):
        known = kept(options, problem)
        figures = known or measure(path, model, problem, options)
        if options.keep and not known:
            with options.keep.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(settings(options, problem) | {'figures': figures})}\n")
        told.append(figures)
        line = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
        print(f"problem {number}: {line}", file=sys.stderr, flush=True)
    model.close()
    medians = {name: round(statistics.median(each[name] for each in told), 3) for name in told[0]}
    facts = {"model": options.model, "problems": len(told), "beams": options.beams, "expand": options.expand}
    if options.json:
        print(json.dumps(medians | facts))
        return
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    for name, value in medians.items():
        values = [each[name] for each in told]
        print(f"{name:>30}  median {value:8.3f}  from {min(values):.3f} to {max(values):.3f}")


if __name__ == "__main__":
    main()
