"""What it is worth to be told which step is wrong: one more attempt at problems that the policy got wrong.

    python benchmarks/lab/told.py train-problems.jsonl samples.jsonl MODEL.gguf ADAPTER.gguf [--most 400]

Wrong are the policy's first wrong samples of problems that `ttc train reviser train-problems.jsonl --limit 20000
--held-out 0.02` keeps to judge by, as far as they state a false equation. The next attempt is drawn by the adapter,
with nothing in view; with what comes before the false step in view and that step told, as `revise:tell=0.05` does; with
the same in view and nothing told; and as the rest of what comes before it, as `revise:from=step` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import judged
import numpy as np
import views

from ttcli.answers import is_correct
from ttcli.catalog.progress import NoProgress
from ttcli.engine.adapter import Adapter
from ttcli.engine.params import SamplingParams
from ttcli.interrupt import Interrupt
from ttcli.policy.local.policy import LocalPolicy
from ttcli.runtime.loader import Loader
from ttcli.runtime.local import local_policy
from ttcli.runtime.settings import Machine, Settings
from ttcli.seams import Extend, Extension
from ttcli.search.parameters import FLOOR
from ttcli.search.revise import WINDOW
from ttcli.search.sampling import candidate
from ttcli.solution import Attempt, Prefix
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.train.lora.pool import PooledProblem
from ttcli.train.lora.telling import Telling
from ttcli.verifier.arithmetic import Arithmetic


class Wrong(NamedTuple):
    """A wrong solution, and how it is shown to whoever revises it."""

    solution: Prefix
    shown: Attempt

    @property
    def doubted(self) -> str:
        """The step that is wrong."""
        return (self.shown.doubt or "").strip()

    @property
    def sound(self) -> int:
        """How many steps come before it."""
        texts = [step.text for step in self.solution.steps]
        return next(at for at in range(len(texts)) if "".join(texts[:at]) == self.shown.text)


def wrong_ones(pool: Iterator[PooledProblem]) -> Iterator[Wrong]:
    """The first wrong solution of each problem that has one with a false equation."""
    telling = Telling(Arithmetic(), FLOOR)
    for each in pool:
        shown = zip(each.prefixes, telling.attempts(each.prefixes), each.solutions, strict=True)
        found = [Wrong(prefix, one) for prefix, one, own in shown if not own.correct and one.doubt is not None]
        yield from found[:1]


def next_ones(policy: LocalPolicy, roots: list[Prefix], seed: int) -> list[Prefix]:
    """One attempt from each of these."""
    requests = (Extend(root, (seed, at)) for at, root in enumerate(roots))
    heard = [each for some in policy.extend(requests) for each in some if isinstance(each, Extension)]
    policy.release(roots)
    return [each.prefix for each in sorted(heard, key=lambda each: each.request)]


def main() -> None:
    asked = views.parser(__doc__)
    asked.add_argument("adapter", type=Path)
    asked.add_argument("--most", type=int, default=400, help="problems, at most")
    options = asked.parse_args()
    settings = Settings(
        model=str(options.model),
        seed=options.seed,
        sampling=SamplingParams(temperature=judged.TEMPERATURE),
        max_tokens=judged.MOST,
        machine=Machine(threads=options.threads),
    )
    wrong = [*islice(wrong_ones(judged.pool(options)), options.most)]
    drawn = resamples(len(wrong), options.seed) / len(wrong)
    with ExitStack() as stack:
        interrupt = Interrupt()
        loader = Loader(settings, interrupt, NoProgress(), stack)
        local = loader.resolve(str(options.model))
        own = local, loader.load(local)
        change = Adapter(own[1], options.adapter)
        policy = local_policy(own, settings, interrupt, stack, attempts=WINDOW, adapter=change, reviser=change)

        def alone(one: Wrong) -> Prefix:
            return policy.start(one.solution.problem)

        begins: dict[str, Callable[[Wrong], Prefix]] = {
            "nothing in view": alone,
            "the wrong step told": lambda one: policy.start(one.solution.problem, attempts=[one.shown]),
            "not told": lambda one: policy.start(one.solution.problem, attempts=[one.shown._replace(doubt=None)]),
            "from before it": lambda one: policy.resume(alone(one), one.solution.steps[: one.sound]),
        }
        print(f"{len(wrong)} wrong attempts; in % of the next ones")
        for name, begin in begins.items():
            found = next_ones(policy, [begin(one) for one in wrong], options.seed)
            answers = [candidate(0, each).answer for each in found]
            right = np.array(
                [
                    answer is not None and is_correct(answer, each.problem.answer or "")
                    for answer, each in zip(answers, found, strict=True)
                ]
            )
            again = np.mean([one.doubted in each.text for one, each in zip(wrong, found, strict=True)])
            kept = np.mean([each.text.startswith(one.shown.text) for one, each in zip(wrong, found, strict=True)])
            low, high = percentile_interval(drawn @ right)
            print(
                f"{name}: right {100 * right.mean():.1f} ({100 * low:.1f} to {100 * high:.1f}), "
                f"with the wrong step again {100 * again:.1f}, with all before it {100 * kept:.1f}"
            )


if __name__ == "__main__":
    main()
