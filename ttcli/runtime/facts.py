"""What a GGUF on this machine is, and what it can be used as."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ttcli.catalog.forms import CritiqueForm, PrmForm
from ttcli.catalog.stored import LocalModel, form_of
from ttcli.errors import ConfigError, ModelError
from ttcli.runtime.backend import backend_fact
from ttcli.runtime.forms import prm_form
from ttcli.runtime.loader import thinking_of
from ttcli.runtime.reading import open_model

if TYPE_CHECKING:
    from ttcli.engine.model import Model


def facts(local: LocalModel) -> dict[str, str | int]:
    """What a GGUF says of itself, and what it can be as a verifier, by kind: yes, or why not."""
    from ttcli.engine.model import describe
    from ttcli.engine.thinking import quiet
    from ttcli.verifier.critique import Critic
    from ttcli.verifier.judge import Judge

    try:
        told, odd = form_of(local), ""
    except ConfigError as error:
        told, odd = None, str(error)
    undescribed = f"no: {odd or 'nothing describes it'}"
    critic = told if isinstance(told, CritiqueForm) else None
    prm = told if isinstance(told, PrmForm) else None
    model = open_model(local)
    try:
        reason = model.cannot_branch()
        judge = _possible(lambda: Critic(model, critic), f"yes: {critic.form}") if critic else None
        return {
            **describe(model),
            **({} if reason else {"thinking": _thinking(model, local), **backend_fact(local)}),
            "judge": judge or _possible(lambda: Judge(model), "yes"),
            "likelihood": f"no: {reason}" if reason else _possible(lambda: quiet(model), "yes"),
            "prm": _possible(lambda: prm_form(model, prm), f"yes: {prm.form}") if prm else undescribed,
            "head": f"no: {reason}" if reason else f"yes, once trained: layers 0 to {model.layers - 2} can be read",
        }
    finally:
        model.close()


def _thinking(model: Model, local: LocalModel) -> str:
    try:
        return thinking_of(model, local).summary
    except ConfigError as error:
        return f"not known: {error}"


def _possible(make: Callable[[], object], success: str) -> str:
    try:
        make()
    except ModelError as error:
        return f"no: {error}"
    return success
