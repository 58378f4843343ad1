"""Chat templates with what authors put into them: each renders as meant, or is refused with its reason.

Written for this test after what published templates do; none is a copy of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate
from ttcli.errors import ModelError

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "2 + 2?"}
REPLY = {"role": "assistant", "content": "4"}
AGAIN = {"role": "user", "content": "Sure?"}
ALONE, TOLD, LONG = [USER], [SYSTEM, USER], [USER, REPLY, AGAIN]


class _Words:
    """As much of a model as a template asks for."""

    path = Path("odd.gguf")

    def special_token(self, name: str) -> int:
        return ("bos", "eos").index(name)

    def piece(self, token: int) -> bytes:
        return (b"<s>", b"</s>")[token]


def rendered(source: str, chat: list[dict[str, str]]) -> str:
    template = ChatTemplate(cast(Model, _Words()), source)
    return "".join(span.text for span in template.render(chat))


EACH = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"

RENDERS: dict[str, tuple[str, list[dict[str, str]], str]] = {
    "folds the system into the first turn": (
        "{% set first = messages[0] %}{% set rest = messages[1:] if first.role == 'system' else messages %}"
        "{% for m in rest %}<{{ m.role }}>{% if loop.first and first.role == 'system' %}{{ first.content }}\n\n"
        "{% endif %}{{ m.content }}{% endfor %}",
        TOLD,
        "<user>Be brief.\n\n2 + 2?",
    ),
    "leaves the system out": (
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}",
        TOLD,
        "<user>2 + 2?",
    ),
    "has a system message of its own": (
        "{% if messages[0].role != 'system' %}[system]You help.{% endif %}" + EACH,
        ALONE,
        "[system]You help.[user]2 + 2?",
    ),
    "opens a thought": (
        EACH + "{% if add_generation_prompt %}[assistant]<think>\n{% endif %}",
        ALONE,
        "[user]2 + 2?[assistant]<think>\n",
    ),
    "closes a thought where none is wanted": (
        EACH + "[assistant]{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}",
        ALONE,
        "[user]2 + 2?[assistant]",
    ),
    "drops thoughts of earlier turns": (
        "{% for m in messages %}{% set c = m.content %}{% if '</think>' in c %}"
        "{% set c = c.split('</think>')[-1].lstrip('\n') %}{% endif %}[{{ m.role }}]{{ c }}{% endfor %}",
        LONG,
        "[user]2 + 2?[assistant]4[user]Sure?",
    ),
    "has channels": (
        "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endfor %}"
        "{{ '<|start|>assistant' if add_generation_prompt }}",
        ALONE,
        "<|start|>user<|message|>2 + 2?<|end|><|start|>assistant",
    ),
    "tells an effort by default": (
        "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}"
        "Reasoning: {{ reasoning_effort }}\n" + EACH,
        ALONE,
        "Reasoning: medium\n[user]2 + 2?",
    ),
    "tells the date": ("{{ strftime_now('%%') }} " + EACH, ALONE, "% [user]2 + 2?"),
    "tells the date where it can be told": (
        "{% if strftime_now is defined %}{{ strftime_now('%%') }}{% else %}2024{% endif %} " + EACH,
        ALONE,
        "% [user]2 + 2?",
    ),
    "lists tools that are not none": (
        "{% if tools is not none %}Tools: {{ tools | tojson(indent=4) }}{% endif %}" + EACH,
        ALONE,
        "[user]2 + 2?",
    ),
    "lists tools where they are defined": (
        "{% if tools is defined and tools %}Tools: {% for t in tools %}{{ t.name }}{% endfor %}{% endif %}" + EACH,
        ALONE,
        "[user]2 + 2?",
    ),
    "looks for calls of tools": (
        "{% for m in messages %}{% if m.tool_calls is defined and m.tool_calls %}!{% endif %}"
        "{% if m.get('tool_call_id') %}!{% endif %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}",
        LONG,
        "[user]2 + 2?[assistant]4[user]Sure?",
    ),
    "takes contents of parts": (
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
        "{{ p.text }}{% endfor %}{% endif %}{% endfor %}",
        ALONE,
        "2 + 2?",
    ),
    "uses a macro and a namespace": (
        "{% macro turn(m) %}[{{ m.role }}]{{ m.content }}{% endmacro %}{% set ns = namespace(n=0) %}"
        "{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ turn(m) }}{% endfor %}({{ ns.n }})",
        LONG,
        "[user]2 + 2?[assistant]4[user]Sure?(3)",
    ),
    "ends turns with special tokens": (
        "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}",
        LONG,
        "<s>2 + 2?4</s>Sure?",
    ),
    "looks at its neighbours": (
        "{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}!{% endif %}"
        "{{ m.content }}{{ ' | ' if not loop.last }}{% endfor %}",
        LONG,
        "2 + 2? | 4 | Sure?",
    ),
    "trims, strips and continues": (
        "{%- for m in messages -%}\n  {%- if m.role == 'system' -%}\n    {%- continue -%}\n  {%- endif -%}\n"
        "  {{- m.content | trim }}{{- '\n' -}}\n{%- endfor -%}",
        TOLD,
        "2 + 2?\n",
    ),
    "marks what is generated": (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %};{% endfor %}",
        LONG,
        "2 + 2?;4;Sure?;",
    ),
    "writes JSON as transformers does": (
        "{{ {'b': 'ä', 'a': [1, 2]} | tojson(separators=(',', ':'), sort_keys=true, ensure_ascii=false) }}" + EACH,
        ALONE,
        '{"a":[1,2],"b":"ä"}[user]2 + 2?',
    ),
    "selects from the messages": (
        "{% set users = messages | selectattr('role', 'equalto', 'user') | list %}{{ users | length }}:" + EACH,
        LONG,
        "2:[user]2 + 2?[assistant]4[user]Sure?",
    ),
}

REFUSED: dict[str, tuple[str, list[dict[str, str]], str]] = {
    "knows no system role": (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + EACH,
        TOLD,
        "fails: System role not supported",
    ),
    "wants turns in turn": (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{{ m.content }}{% endfor %}",
        [USER, AGAIN],
        "fails: Conversation roles must alternate",
    ),
    "needs a tool": ("{{ tools[0].name }}" + EACH, ALONE, "fails: "),
    "needs a filter that is unknown": ("{{ messages | fromjson }}" + EACH, ALONE, "does not compile: .*fromjson"),
    "calls what is not there": ("{{ render_tools(tools) }}" + EACH, ALONE, "fails: 'render_tools' is undefined"),
    "includes another file": ("{% include 'system.jinja' %}" + EACH, ALONE, "fails: no loader"),
    "changes what was said": (
        "{% for m in messages %}{{ m.content[1:] }}{% endfor %}",
        ALONE,
        "drops or alters what was said",
    ),
    "keeps the last turn only": ("{{ messages[-1].content }}", LONG, "drops or alters what was said"),
    "wants parts and no text": (
        "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}",
        ALONE,
        "drops or alters what was said",
    ),
    "appends to a list": ("{% set _ = messages.append(1) %}" + EACH, ALONE, "fails: "),
    "is no Jinja": ("{{ if .System }}{{ .System }}{{ end }}{{ .Prompt }}", ALONE, "does not compile"),
}


@pytest.mark.parametrize("name", RENDERS)
def test_an_odd_template_renders_as_its_author_means(name: str) -> None:
    source, chat, expected = RENDERS[name]
    assert rendered(source, chat) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_template_that_cannot_be_used_is_refused_with_its_reason(name: str) -> None:
    source, chat, complaint = REFUSED[name]
    with pytest.raises(ModelError, match=rf"the chat template of odd\.gguf {complaint}") as caught:
        rendered(source, chat)
    assert "\n" not in str(caught.value)


def test_there_are_twenty_and_more() -> None:
    names: dict[str, Any] = {**RENDERS, **REFUSED}
    assert len(names) == len(RENDERS) + len(REFUSED) > 20
