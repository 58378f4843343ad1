"""All that shapes a run, besides the problem."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.cost import Budget
from ttcli.engine.params import SamplingParams, ThinkParams
from ttcli.errors import UsageError
from ttcli.policy.server.address import Address
from ttcli.problem import AnswerForm
from ttcli.verifier.repair_spec import RepairSpec
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile
    from ttcli.policy.prompt_file import PromptFile
    from ttcli.search.method import Demand, Method
    from ttcli.verifier.aggregate import Aggregation

_THREADS_PER_CORE = 4  # beyond that they only wait for each other; thousands hang llama.cpp or crash it
MAX_TOKENS = 1024  # of one solution, where nothing else is said
MAX_WIDTH = 240  # llama.cpp knows 256 sequences, and prompts take some


@dataclass(frozen=True, slots=True)
class Machine:
    """How the engine uses the machine; None: chosen from model and machine."""

    width: int | None = None  # texts in one batch
    threads: int | None = None
    gpu_layers: int | None = None

    def __post_init__(self) -> None:
        if self.width is not None and not 1 <= self.width <= MAX_WIDTH:
            raise UsageError(f"--width must be from 1 to {MAX_WIDTH}, not {self.width}", hint="--width 32")
        most = _THREADS_PER_CORE * (os.cpu_count() or 1)
        if self.threads is not None and not 1 <= self.threads <= most:
            hint = "leave it out to have it chosen"
            raise UsageError(f"--threads must be from 1 to {most} on this machine, not {self.threads}", hint=hint)


@dataclass(frozen=True, slots=True)
class Settings:
    """A run: with what, how, how much.

    Raises:
        UsageError: an unknown method or verifier, a number out of range, a URL that is none.
    """

    model: str | None = DEFAULT_MODEL  # None: the only one that the server of `policy` has
    method_name: str | None = None  # None: auto, or best-of-n where a verifier is named
    verifier_name: str | None = None  # None: confidence, where the method needs one
    budget: Budget = field(default_factory=lambda: Budget(16))
    seed: int = 0  # 0 or more
    offline: bool = False
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int = MAX_TOKENS  # of one solution, without its thought
    thinking: ThinkParams = field(default_factory=ThinkParams)
    machine: Machine = field(default_factory=Machine)
    reviser: str | None = None  # a LoRA adapter that draws the revisions; None: the model itself does
    policy: str | None = None  # the URL of an OpenAI-compatible server; None: the engine in this process
    insecure: bool = False  # whether the server's key may go unencrypted to another machine
    aggregate: Aggregation | None = None  # from scores of steps to that of the whole; None: as the verifier does it
    command_timeout: float = 30.0  # seconds that a verifying command may take for a solution
    profile: Profile | None = None  # that auto goes by; None: there is none
    answer: AnswerForm = "auto"  # that is wanted; where it is auto, the one that the prompt names
    prompt: str | None = None  # the name of a shipped prompt, or a file; None: the words that the problem asks for
    system: str | None = None  # what the model is told first; None: what the prompt or the model's catalog entry says
    ask_again: bool = False  # those that end without an answer, where most do, for it
    repair: str = "off"  # what mends texts while they are drawn: auto, off, arithmetic or command:CMD
    extract: Literal["code"] | None = None  # what of a solution a verifying command is given; None: all of it

    def __post_init__(self) -> None:
        if self.answer != "auto":
            from ttcli.answers.form import check_form  # the room of answers: not before it is needed

            check_form(self.answer)
        if (words := self.words) is not None and words.answer is not None and self.answer == "auto":
            object.__setattr__(self, "answer", words.answer)
        self.method.check(self.budget)
        if self.budget.shared:
            raise UsageError(f"{self.budget} is an average, and here is one problem", hint=f"{self.budget.amount:g}")
        if not 0 <= self.seed < 2**63:  # the store keeps no larger one
            raise UsageError(f"--seed must be from 0 to 2^63 - 1, not {self.seed}", hint="--seed 0")
        if self.max_tokens < 1:
            hint = f"--max-tokens {MAX_TOKENS}"
            raise UsageError(f"--max-tokens must be at least 1, not {self.max_tokens}", hint=hint)
        if self.model is None and self.policy is None:
            raise UsageError("there is no model", hint=f"--model {DEFAULT_MODEL}")
        RepairSpec.parse(self.repair)
        server = self.server
        if self.offline and server is not None and not server.loopback:
            raise UsageError(f"--offline, but {server.name} is another machine", hint="leave out --offline")
        if self.reviser is not None and server is not None:
            hint = "leave out --policy, or --reviser"
            raise UsageError(f"--reviser changes a model that runs here, and {server.name} has its own", hint=hint)
        if not 0 < self.command_timeout < math.inf:
            hint = "--command-timeout 30"
            raise UsageError(f"--command-timeout must be a positive number, not {self.command_timeout:g}", hint=hint)
        if self.verifier_name is not None:
            spec = VerifierSpec.parse(self.verifier_name)
            if not self.method.takes_verifier:
                raise UsageError(
                    f"{self.method.name} scores nothing, so it has no use for a verifier", hint="--method best-of-n"
                )
            self.method.check_verifier(str(spec), partial=spec.partial, steps=spec.scores_steps)

    @property
    def words(self) -> PromptFile | None:
        """The prompt asked for.

        Raises:
            ConfigError: it cannot be read, or used.
        """
        if self.prompt is None:
            return None
        from ttcli.policy.prompt_file import read_prompt  # Jinja: not before it is needed

        return read_prompt(self.prompt)

    @property
    def server(self) -> Address | None:
        """The server asked for.

        Raises:
            UsageError: what `policy` says is no URL of a server.
        """
        return Address.parse(self.policy) if self.policy is not None else None

    @property
    def method(self) -> Method:
        """The method asked for, or the default.

        Raises:
            UsageError: there is none of this name, or it cannot be set so.
        """
        from ttcli.search.methods import parse_method  # the pages of --help show the defaults above, and run no method

        default = "auto" if self.verifier_name is None else "best-of-n"
        return parse_method(default if self.method_name is None else self.method_name)

    def demand(self, method: Method, budget: Budget) -> Demand:
        """What a method holds in the policy's context; auto, as much as any way in its profile."""
        if method.advised is None or self.profile is None:
            return method.demand(budget)
        from ttcli.allocate.adviser import demand  # numpy: not before it is needed

        return demand(self.profile)

    def no_use(self, verifier: str) -> UsageError:
        """What is said of a verifier that an advised method would not use."""
        own = self.profile.verifier if self.profile else ""
        told = f"scores by {own}, its profile's verifier" if own else "without a profile scores nothing"
        return UsageError(
            f"{self.method.name} {told}, so it has no use for {verifier}",
            hint="leave out --verifier, or --method best-of-n",
        )

    @property
    def verifier(self) -> VerifierSpec | None:
        """The verifier asked for, or the default of a method that needs one; of an advised one, the profile's.

        Raises:
            UsageError: one is named, and an advised method would use another one or none.
        """
        method = self.method
        if method.advised is not None:
            own = VerifierSpec.parse(self.profile.verifier) if self.profile and self.profile.verifier else None
            if self.verifier_name is not None and VerifierSpec.parse(self.verifier_name) != own:
                raise self.no_use(self.verifier_name)
            return own
        if not method.takes_verifier or (self.verifier_name is None and not method.needs_verifier):
            return None
        return VerifierSpec.parse(self.verifier_name or method.usual_verifier)
