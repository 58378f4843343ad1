"""What a run of a bench consists of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ttcli.answers.final import kind_of
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.data.dataset import Row
from ttcli.search.methods import parse_method
from ttcli.solution import AnswerKind

_SEARCH_VERSION = 2  # raised where a search of the same name and settings comes to select otherwise


@dataclass(frozen=True, slots=True)
class VerifierConfig:
    """A verifier of a run."""

    key: str  # its kind and, where it has a model, the hash of that: scores under one key are comparable
    parameters: int  # that take part in a matrix product per token; 0: it has no model


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that decides the figures of a run, besides its problems, and what a report says of it."""

    model: str
    recipe: Mapping[str, Any]  # weights, prompt, sampler, token limit
    parameters: int  # of the policy; 0: not known
    tasks: tuple[Task, ...]
    verifiers: Mapping[str, VerifierConfig]  # by what the user called them
    temperature: float
    seed: int
    data: str  # name of the data set
    baseline: str  # name of the method that the others are compared with
    command: tuple[str, ...]  # that makes the run, and resumes it
    ttc: str  # version
    revisions: Mapping[str, Any] | None = None  # what besides decides how they are distributed; None: it has none
    profile: str | None = None  # hash of what auto goes by; None: nothing
    search: int | None = None  # see `search_version`
    reviser: str | None = None  # the name of what draws revisions in the policy's place; its hash is in `revisions`

    @property
    def source_recipe(self) -> dict[str, Any]:
        """The recipe without the temperature, which each sample carries by itself."""
        recipe = dict(self.recipe)
        if isinstance(sampler := recipe.get("sampler"), Mapping):
            recipe["sampler"] = {key: value for key, value in sampler.items() if key != "temperature"}
        return recipe

    @property
    def source_key(self) -> str:
        """What samples are filed under."""
        return digest(self.source_recipe)

    @property
    def kind(self) -> AnswerKind:
        """How answers are compared."""
        return kind_of(self.recipe.get("answer", "auto"))

    @property
    def depth(self) -> int:
        """Independent samples per problem that the votes of the run need."""
        return max((task.sure for task in self.tasks), default=0)

    def run_id(self, rows: Iterable[Row]) -> str:
        """Eight hexadecimal digits that the same configuration and problems always get."""
        besides = {"revisions": self.revisions, "profile": self.profile, "search": self.search}
        return digest(
            {
                **{key: value for key, value in besides.items() if value is not None},
                "source": self.source_key,
                "tasks": [task.key for task in self.tasks],
                "verifiers": {name: each.key for name, each in self.verifiers.items()},
                "temperature": self.temperature,
                "seed": self.seed,
                "problems": [[row.problem.text, row.problem.id, row.problem.answer] for row in rows],
            }
        )[:8]

    def to_json(self) -> str:
        """For the store."""
        return json.dumps(
            {
                "version": 1,
                "model": self.model,
                "recipe": dict(self.recipe),
                "parameters": self.parameters,
                "tasks": [[task.method, task.verifier, str(task.budget)] for task in self.tasks],
                "verifiers": {name: [each.key, each.parameters] for name, each in self.verifiers.items()},
                "temperature": self.temperature,
                "seed": self.seed,
                "data": self.data,
                "baseline": self.baseline,
                "command": self.command,
                "ttc": self.ttc,
                "revisions": self.revisions,
                "profile": self.profile,
                **({"search": self.search} if self.search is not None else {}),
                **({"reviser": self.reviser} if self.reviser is not None else {}),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """From the store."""
        content = json.loads(text)
        del content["version"]
        content["tasks"] = tuple(
            Task(method, verifier, Budget.parse(budget)) for method, verifier, budget in content["tasks"]
        )
        content["verifiers"] = {name: VerifierConfig(*each) for name, each in content["verifiers"].items()}
        content["command"] = tuple(content["command"])
        return cls(**content)


def search_version(tasks: Iterable[Task]) -> int | None:
    """The version of what searches select by; None: there are none, and none that `auto` might choose."""
    methods = [parse_method(task.method) for task in tasks]
    return _SEARCH_VERSION if any(method.stepwise or method.advised for method in methods) else None


def digest(content: object) -> str:
    """A hash of JSON content, in hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
