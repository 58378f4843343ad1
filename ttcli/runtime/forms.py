"""From what an entry or a TOML tells of a verifier to one that works, its words checked against its vocabulary."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ttcli.catalog.forms import CritiqueForm, PrmForm
from ttcli.catalog.stored import form_of, locate
from ttcli.runtime.adapters import meant
from ttcli.seams import Verifier
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.engine.model import Model
    from ttcli.verifier.form import Form


def critic_of(model: Model, told: CritiqueForm, **options: Any) -> Verifier:
    """A generative verifier, its words checked against its vocabulary."""
    from ttcli.engine.params import SamplingParams
    from ttcli.verifier.critique import Critic
    from ttcli.verifier.critique_prompt import Words

    words = Words(
        ask=told.ask,
        ask_next=told.ask_next if told.form == "critique-steps" else None,
        begin=told.begin,
        stops=told.stops,
        verdict=told.verdict,
        close=told.close,
        system=told.system,
        good=told.good,
        bad=told.bad,
    )
    sampling = SamplingParams(temperature=told.temperature, top_k=20)  # as GenPRM's authors draw
    return Critic(model, words, sampling, chains=told.chains, tokens=told.tokens, **options)


def prm_form(model: Model, told: PrmForm) -> Form:
    """The form of a process reward model, checked against its vocabulary."""
    from ttcli.verifier.form import StepTag, StepTurn

    if told.tag is None:
        return StepTurn(model, good=told.good, bad=told.bad)
    return StepTag(
        model,
        good=told.good,
        bad=told.bad,
        tag=told.tag,
        before_problem=told.before_problem,
        after_problem=told.after_problem,
        between=told.between,
        chat=told.chat,
    )


def form_key(spec: VerifierSpec) -> str:
    """What scores depend on besides the weights: the form that a model is read in."""
    local = locate(meant(spec.model)) if spec.model is not None else None
    form = form_of(local) if local else None
    if isinstance(form, CritiqueForm):
        return f" {json.dumps(asdict(form))}"
    if spec.kind == "judge":
        return ""
    told = (form.form, form.tag, form.good, form.bad) if form else ()
    default = form and PrmForm(form.form, form.good, form.bad, form.tag)
    return f" {json.dumps(told)}" + (f" {json.dumps(asdict(form))}" if form and form != default else "")
