"""How one server wants to be spoken to: asked in full at first, then without what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ttcli.engine.params import SamplingParams, ThinkParams
from ttcli.policy.server.client import LIMITS, Refusal

_SAMPLERS = ("top_k", "min_p")  # no part of OpenAI's own format
_CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
# what may be left out, and what a user loses with it
_OPTIONAL = {
    "top_k": "texts are drawn without it",
    "min_p": "texts are drawn without it",
    "top_p": "texts are drawn without it",
    "seed": "the same seed will not give the same texts",
    "logprobs": "nothing can be said about its confidence",
    "top_logprobs": None,
    "stream_options": "tokens are counted here",
    "continue_final_message": None,
    "add_generation_prompt": None,
    "chat_template_kwargs": "it thinks as it is set up to, whatever --think and --template-arg say",
    "reasoning_effort": "it thinks as hard as it is set up to",
    "reasoning_budget_tokens": "its thoughts are cut, not closed, where they pass --think-budget",
}
_NEEDED = ("temperature", "messages", "model")
_REFUSES = (400, 422)  # statuses that may speak of a field


class Dialect:
    """What a server has been found to understand."""

    def __init__(self, server: str) -> None:
        self.many: bool | None = None  # whether it draws several choices in one request; None: not known
        self.continues: bool | None = None  # whether it goes on with a partial answer; None: not known
        self.explains = False  # whether it has said of a text why it ended
        self.thinks = False  # whether it has told of a thought
        self.names_stops = False  # whether it tells a stop string from the end of a turn
        self.notices: list[str] = []  # what the user should know, once each
        self._server = server
        self._dropped: set[str] = set()
        self._confirmed: set[str] = set()  # of those dropped: without them it worked
        self._unexplained = 0  # ends without a reason
        self._limit = LIMITS[0]

    def body(
        self,
        model: str,
        messages: Sequence[Mapping[str, str]],
        sampling: SamplingParams,
        *,
        max_tokens: int,
        seed: int,
        thinking: ThinkParams | None = None,
        likeliest: int = 1,
    ) -> dict[str, Any]:
        """A request; a last message of the assistant's is one to go on with.

        `likeliest`: tokens whose log-probabilities are asked for, beside each that is drawn.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": list(messages),
            self._limit: max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed,
            "logprobs": True,
            "top_logprobs": likeliest,  # llama-cpp-python gives none without, llama-server none with 0
            "stream_options": {"include_usage": True},
        }
        if sampling.temperature > 0:
            body |= {name: getattr(sampling, name) for name in _SAMPLERS if getattr(sampling, name)}
        body |= _thinking(thinking or ThinkParams())
        if messages[-1]["role"] == "assistant":
            body |= _CONTINUE
        return {name: value for name, value in body.items() if name not in self._dropped}

    def concede(self, refusal: Refusal) -> bool:
        """Learn from a refusal; whether the next body will be another one.

        What the server's message names is left out first, then the samplers that OpenAI does not know, then `n`.
        """
        if refusal.status not in _REFUSES:
            return False
        body = refusal.body
        if LIMITS[0] in body and LIMITS[1] in str(refusal):
            self._limit = LIMITS[1]
            return True
        named = {name for name in _OPTIONAL if name in body and refusal.names(name)}
        many = "n" in body and (refusal.names("n") or re.search(r"\bchoices?\b", str(refusal)) is not None)
        if many:
            self.single()
        if named:
            self._drop(named)
        if many or named:
            return True
        if any(map(refusal.names, _NEEDED)):
            return False  # no guess helps
        if unnamed := {name for name in _SAMPLERS if name in body} or {name for name in _CONTINUE if name in body}:
            self._drop(unnamed)
            return True
        if "n" in body:
            self.single()
            return True
        return False

    def single(self) -> None:
        """Learn that it draws one choice per request; what was left out on a mere guess may have been innocent."""
        self.many = False
        self._dropped &= self._confirmed

    def unexplained(self) -> bool:
        """Hear of texts with words that ended without a reason; whether that is an end, for this server.

        It is for one that never gave a reason, from the second time on: llama-cpp-python's server breaks a text off
        like that when another request comes.
        """
        if self.explains:
            return False
        if self._unexplained == 1:
            self.notices.append(f"{self._server} never says why a text ends: where it stops is taken for its end")
        self._unexplained += 1
        return self._unexplained > 1

    def confirm(self) -> None:
        """Learn that what was asked for last went well."""
        for name in sorted(self._dropped - self._confirmed):
            if loss := _OPTIONAL[name]:
                self.notices.append(f"{self._server} does not know {name}: {loss}")
        self._confirmed |= self._dropped

    def _drop(self, names: set[str]) -> None:
        self._dropped |= names
        if "logprobs" in names:
            self._dropped.add("top_logprobs")


def _thinking(params: ThinkParams) -> dict[str, Any]:
    """What of a request is about thinking, by the names that llama-server, vLLM and SGLang know."""
    arguments = dict(params.arguments)
    if params.think != "auto":
        arguments = {"enable_thinking": params.think == "on", "thinking": params.think == "on"} | arguments
    return {
        **({"chat_template_kwargs": arguments} if arguments else {}),
        **({"reasoning_effort": params.reasoning_effort} if params.reasoning_effort else {}),
        **({"reasoning_budget_tokens": params.think_budget} if params.think_budget else {}),
    }
