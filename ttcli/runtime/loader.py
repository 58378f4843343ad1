"""From what a user calls a verifier to one that works, with the models it is made of."""

# over 300 lines: each kind of verifier has its own way from a name to weights

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from ttcli.catalog.entry import catalog
from ttcli.catalog.fingerprint import fingerprint, holder
from ttcli.catalog.forms import CritiqueForm
from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.catalog.stored import LocalModel, form_of, locate
from ttcli.catalog.template import Template
from ttcli.errors import ModelError, UsageError
from ttcli.files.gguf import read_header
from ttcli.files.kinds import LOST_HEAD, NAMES, is_adapter, lost_head
from ttcli.files.trained import read_facts
from ttcli.interrupt import Interrupt
from ttcli.runtime.adapters import load_adapter, meant
from ttcli.runtime.backend import learn_backend_sampling
from ttcli.runtime.forms import form_key, prm_form
from ttcli.runtime.heads import find_head
from ttcli.runtime.memories import learn_memory
from ttcli.runtime.reading import Reading
from ttcli.runtime.settings import Settings
from ttcli.runtime.width import streams_of
from ttcli.seams import Verifier
from ttcli.verifier.aggregate import no_steps
from ttcli.verifier.confidence import Confidence
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.engine.adapter import Adapter
    from ttcli.engine.model import Model
    from ttcli.engine.params import ThinkParams
    from ttcli.engine.thinking import Thinking
    from ttcli.policy.local.voice import Reviser
    from ttcli.policy.prompt import Prompt
    from ttcli.problem import Problem

Loaded: TypeAlias = "tuple[LocalModel, Model]"

_BEHIND_WEIGHTS = ("ttcli.policy.local.policy", "ttcli.verifier.repairers", "numpy.random")  # needed once they are read


class Loader:
    """Loads models and makes verifiers of them; all is freed when its stack is.

    Args:
        settings: where to look for models, and how to run them.
        interrupt: asked while a verifier is at work.
        early: weights that are being read already, for the settings' own model.
    """

    def __init__(
        self,
        settings: Settings,
        interrupt: Interrupt,
        progress: Progress,
        stack: ExitStack,
        early: Reading | None = None,
    ) -> None:
        self.settings = settings
        self.interrupt = interrupt
        self.progress = progress
        self.stack = stack
        self._early = early

    def resolve(self, name: str) -> LocalModel:
        """A model on this machine, fetched first where that is allowed and needed."""
        return resolve(name, offline=self.settings.offline, progress=self.progress)

    def load(self, local: LocalModel) -> Model:
        """The weights of a model; see `learn_memory` for what is tried with them.

        Raises:
            ModelError: it cannot be used, or is what a conversion has left of a reward model.
        """
        with self._reading_of(local) as reading:
            for module in _BEHIND_WEIGHTS:
                import_module(module)
            model = reading.take()
        self.stack.callback(model.close)
        told = (model.metadata(key) for key in NAMES)
        if lost_head(local.name, local.path.name, *told) and form_of(local) is None:
            raise ModelError(
                f"{local.label} is a reward model without its head: {LOST_HEAD}",
                hint="process reward models that say + or - work: ttc models list",
            )
        learn_memory(model, local, self.progress, threads=self.settings.machine.threads)
        return model

    def _reading_of(self, local: LocalModel) -> Reading:
        """The weights that are being read already, if they are these."""
        early, self._early = self._early, None
        if early is not None:
            if early.local == local:
                return early
            early.abandon()
        return Reading(local, gpu_layers=self.settings.machine.gpu_layers)

    def reviser(self, local: LocalModel, own: Loaded) -> Adapter | Reviser:
        """What draws the revisions of a policy's solutions: an adapter of its weights, or a model of its own.

        Raises:
            ModelError: it is neither, or goes with another model; its vocabulary must be the policy's.
        """
        from ttcli.policy.local.voice import Reviser, same_vocabulary

        if is_adapter(read_header(local.path).metadata):
            return load_adapter(local, "reviser", *own)
        _, model = self._shared(local, own)
        same_vocabulary(own[1], model, local.label)
        learn_backend_sampling(model, local, self.settings.machine, self.progress)
        told = prompt_of(local, self.settings), thinking_of(model, local), streams_of(self.settings, local.path)
        return Reviser(model, *told)

    def make(self, spec: VerifierSpec, own: Loaded | None = None) -> Verifier:
        """A verifier; `own`: the model whose solutions it is to score, where that runs here.

        Raises:
            UsageError: it does not go with such a policy.
            ModelError: it cannot be made of what it is to be made of.
        """
        match spec.kind:
            case "prm":
                verifier = self._prm(str(spec.model), own)
            case "head":
                verifier = self._head(spec, own)
            case "judge":
                verifier = self._judge(spec, own)
            case "likelihood":
                verifier = self._likelihood(str(spec.model), own)
            case "command":
                from ttcli.verifier.command import Command

                return Command(
                    str(spec.model),
                    timeout=self.settings.command_timeout,
                    extract=self.settings.extract,
                    interrupted=self.interrupt,
                )
            case "scripted":
                raise UsageError("the scripted verifier goes with a scripted model", hint="--verifier confidence")
            case "tail" | "lowest":
                from ttcli.verifier.certainty import WindowCertainty

                return WindowCertainty(spec.kind, int(spec.model) if spec.model else None)
            case "arithmetic":
                from ttcli.verifier.arithmetic import Arithmetic

                return Arithmetic()
            case _:
                return Confidence(weakest=spec.kind == "weakest")
        self.stack.callback(verifier.close)
        return verifier

    def _judge(self, spec: VerifierSpec, own: Loaded | None) -> Verifier:
        from ttcli.verifier.critique import Critic
        from ttcli.verifier.judge import Judge

        if spec.model is not None:
            own = self._shared(self.resolve(spec.model), own)
        if own is None:
            raise UsageError("a server does not judge its own solutions", hint="--verifier judge:MODEL")
        form = form_of(own[0]) if spec.model is not None else None
        if isinstance(form, CritiqueForm):
            return Critic(own[1], form, threads=self.settings.machine.threads, interrupted=self.interrupt)
        return Judge(own[1], threads=self.settings.machine.threads, interrupted=self.interrupt)

    def _likelihood(self, name: str, own: Loaded | None) -> Verifier:
        from ttcli.engine.params import ThinkParams
        from ttcli.verifier.likelihood import Likelihood

        loaded = self._shared(self.resolve(name), own)
        encode = self._encoding(loaded, ThinkParams(think="off"))  # what is read is no thought
        threads = self.settings.machine.threads
        return Likelihood(loaded[1], encode, threads=threads, interrupted=self.interrupt)

    def _encoding(self, loaded: Loaded, think: ThinkParams) -> Callable[[Problem], list[int]]:
        """How a model is asked for a solution: the tokens of a problem."""
        from ttcli.engine.thinking import plan

        local, model = loaded
        asked, prompt = plan(model, thinking_of(model, local), think), prompt_of(local, self.settings)
        return lambda problem: asked.encode(prompt.messages(problem))

    def _prm(self, name: str, own: Loaded | None) -> Verifier:
        from ttcli.verifier.prm import Prm

        local = self.resolve(meant(name))
        told = form_of(local)
        if told is None and lost_head(local.name, local.path.name):
            self.load(local)  # says why it cannot be used
        if isinstance(told, CritiqueForm):
            raise ModelError(
                f"{local.label} writes a critique before its verdict, and no label behind each step",
                hint=f"--verifier judge:{name}",
            )
        if told is None:
            raise ModelError(
                f"{local.name} is not known to be a process reward model that says + or - behind each step",
                hint=f"if it is one, describe it in {local.path.with_suffix('.toml')}: "
                '[verifier] kind = "prm", form = "step-turn", good = "+", bad = "-"',
            )
        adapter: Adapter | None = None
        if read_facts(local.path).adapter:
            base = self._under(local, own)
            model, adapter = base[1], load_adapter(local, "prm", *base)
        else:
            _, model = self._shared(local, own)
        form, threads = prm_form(model, told), self.settings.machine.threads
        return Prm(model, form, adapter=adapter, threads=threads, interrupted=self.interrupt)

    def _shared(self, local: LocalModel, own: Loaded | None) -> Loaded:
        """A model with its weights: those of the policy where they are the same."""
        return own if own is not None and own[0].path == local.path else (local, self.load(local))

    def _under(self, adapter: LocalModel, own: Loaded | None) -> Loaded:
        """The model that an adapter goes onto: the policy's where it was trained on that, or else the one it was.

        Raises:
            ModelError: it is not here, or nobody knows which one it is.
        """
        facts = read_facts(adapter.path)
        if own is not None and facts.weights in (None, fingerprint(own[0])):
            return own
        if facts.weights is None:
            raise ModelError(
                f"{adapter.label} is an adapter that does not say of which model, and none runs here",
                hint="leave out --policy, or one that ttc train prm has made",
            )
        return self._trained_on(
            *(f"{adapter.label} is an adapter for {facts.model}", facts.weights, own),
            hint=f"--model {facts.model} if you have it, or train one for another model: ttc train prm --help",
        )

    def _trained_on(self, claim: str, weights: str, own: Loaded | None, *, hint: str) -> Loaded:
        """The model that something was trained on, by its weights: of the catalog, or a file that was used here before.

        Args:
            claim: what it is, and of which model, for the error.

        Raises:
            ModelError: there is no such model.
        """
        name = next((entry.name for entry in catalog().values() if entry.sha256 == weights), None) or holder(weights)
        if name is None:
            policy = f", not for {own[0].name}" if own else ""
            raise ModelError(
                f"{claim}{policy}; that is not in the catalog, nor among the files that ttc has read here", hint=hint
            )
        local = self.resolve(str(name))
        return local, self.load(local)

    def _head(self, spec: VerifierSpec, own: Loaded | None) -> Verifier:
        """A head, on the policy's own model or on the one that it was made for."""
        from ttcli.engine.params import ThinkParams
        from ttcli.verifier.head_verifier import HeadVerifier, VisibleVerifier

        weights = fingerprint(own[0]) if own else None
        found = find_head(spec.model, weights)
        if not found.head.observed:
            return VisibleVerifier(found.head, f"head:{found.name}")
        carried = found.head.weights == weights
        if own is None or not carried:
            own = self._trained_on(
                *(f"head:{found.name} is a head for {found.head.model}", found.head.weights, own),
                hint=f"--model {found.head.model} if you have it, or another verifier: --verifier confidence",
            )
        return HeadVerifier(
            found.head,
            f"head:{found.name}",
            own[1],
            self._encoding(own, self.settings.thinking if carried else ThinkParams(think="off")),
            carried=carried,
            threads=self.settings.machine.threads,
            interrupted=self.interrupt,
        )


def thinking_of(model: Model, local: LocalModel) -> Thinking:
    """How a model thinks: as FILE.toml beside FILE.gguf tells, or else as its template and vocabulary do.

    Raises:
        ConfigError: the TOML beside it cannot be read.
    """
    from ttcli.engine.thinking import recognise

    return recognise(model, tags=local.beside.thinking)


def check(specs: Sequence[VerifierSpec], settings: Settings) -> None:
    """Make sure, before anything is loaded, that these verifiers can be used so.

    Raises:
        UsageError: they cannot.
    """
    if settings.extract is not None and all(spec.kind != "command" for spec in specs):
        raise UsageError("no command checks anything here", hint="--verifier command:CMD, or leave out --extract")
    if settings.aggregate is None:
        return
    if not specs:
        raise UsageError("nothing is scored here, so there is nothing to aggregate", hint="leave out --aggregate")
    for spec in specs:
        if not spec.scores_steps:
            raise no_steps(str(spec))


def score_key(spec: VerifierSpec, settings: Settings, weights: Callable[[str | None], str]) -> str:
    """What scores are filed under: equal keys, equal scores.

    `weights`: the hash of a model, by what the user calls it; None: the policy's own.
    """
    match spec.kind:
        case "head":
            key = f"head:{find_head(spec.model, weights(None)).sha256}"
        case "scripted":
            key = f"{spec.kind}:{weights(spec.model)}"
        case "judge" | "prm":
            key = f"{spec.kind}:{weights(spec.model)}{form_key(spec)}"
        case "likelihood":
            asked = prompt_of(locate(str(spec.model)), settings)
            key = f"likelihood:{weights(spec.model)} {json.dumps(asked.recipe)}"
        case "command":
            from ttcli.verifier.command import fingerprint as of_command

            key = f"command:{of_command(str(spec.model))}"
            key += f" {settings.extract}" if settings.extract else ""
        case "arithmetic":
            from ttcli.verifier.arithmetic import RULES

            key = f"arithmetic:{RULES}"
        case _:
            key = str(spec)
    return key if settings.aggregate is None else f"{key} {settings.aggregate}"


def prompt_of(local: LocalModel | None, settings: Settings | None = None) -> Prompt:
    """How a model is asked; None: one that a server has, and one whose words nobody asked to change."""
    from ttcli.policy.prompt import DOUBT, INSTRUCTION, REVISE, Prompt

    words = local.template if local else Template()
    usual = Prompt(
        system=words.system,
        instruction=INSTRUCTION if words.instruction is None else words.instruction,
        step_separator=words.step_separator,
        revise=words.revise or REVISE,
        doubt=words.doubt or DOUBT,
        step_content=words.step_content,
    )
    chosen, system = (settings.words, settings.system) if settings else (None, None)
    usual = usual if chosen is None else chosen.on(usual)
    return usual if system is None else replace(usual, system=system)


def read_by_heads(specs: Sequence[VerifierSpec], local: LocalModel, notice: Callable[[str], None]) -> list[int]:
    """The layers of a model that the heads among some verifiers read."""
    asked = [spec for spec in specs if spec.kind == "head"]
    weights = fingerprint(local) if asked else None
    heads = [find_head(spec.model, weights, notice).head for spec in asked]
    return sorted({layer for head in heads if head.weights == weights for layer in head.observed})
