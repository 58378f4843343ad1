"""From what an entry or a TOML tells of a verifier to one that works, its words checked against its vocabulary."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ttcli.catalog.forms import CritiqueForm, PrmForm
from ttcli.catalog.stored import form_of, locate
from ttcli.runtime.adapters import meant
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.engine.model import Model
    from ttcli.verifier.form import Form


def prm_form(model: Model, told: PrmForm) -> Form:
    """The form of a process reward model, checked against its vocabulary."""
    from ttcli.verifier.form import StepTag, StepTurn

    return StepTurn(model, told) if told.form == "step-turn" else StepTag(model, told)


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
