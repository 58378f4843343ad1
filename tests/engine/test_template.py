from __future__ import annotations

import ctypes
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate, Span, tokenize
from ttcli.errors import ModelError

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL_NAMES = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def rendered(system: str, text: str) -> str:
    """The chat as the model's own template writes it."""
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def by_llama_cpp(model: Model, text: str) -> list[int]:
    data = text.encode()
    buffer = (ctypes.c_int32 * (len(data) + 16))()
    count = model._lib.llama_tokenize(model._vocab, data, len(data), buffer, len(buffer), False, True)
    return list(buffer[:count])


def text_of(model: Model, ids: list[int]) -> str:
    return b"".join(map(model.piece, ids)).decode()


def contains_no_control(text: str) -> bool:
    return not any(name in text for name in CONTROL_NAMES) and "<|" not in text and "<" not in text


@settings(deadline=None, max_examples=150)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(str.strip).filter(contains_no_control))
def test_harmless_text_is_encoded_as_llama_cpp_encodes_the_whole_chat(small_model: Model, text: str) -> None:
    chat = [{"role": "system", "content": "Be brief."}, *user(text)]
    assert ChatTemplate(small_model).encode(chat) == by_llama_cpp(small_model, rendered("Be brief.", text))


@pytest.mark.parametrize(
    "text", ["2 + 2?", "Größe: 5 €", "日本語 😀", "\ue000 0 \ue000", "a\n\n\nb", "{{ 7 * 7 }}", "x\0y"]
)
def test_unusual_text_is_encoded_as_llama_cpp_encodes_the_whole_chat(small_model: Model, text: str) -> None:
    chat = [{"role": "system", "content": "Be brief."}, *user(text)]
    ids = ChatTemplate(small_model).encode(chat)
    assert ids == by_llama_cpp(small_model, rendered("Be brief.", text))
    assert text_of(small_model, ids) == rendered("Be brief.", text)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([*CONTROL_NAMES, "<|im_", "end|>", "a", " ", "\n", "\ue000", "0"]), min_size=1, max_size=8)
)
def test_control_names_that_a_user_types_stay_text(small_model: Model, pieces: list[str]) -> None:
    text = f"x{''.join(pieces)}x"
    ids = ChatTemplate(small_model, CHATML).encode(user(text))
    controls = [small_model.piece(token) for token in ids if small_model.is_control(token)]
    assert controls == [b"<|im_start|>", b"<|im_end|>", b"<|im_start|>"]
    assert text_of(small_model, ids) == f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_a_chat_ends_where_the_assistants_turn_begins(small_model: Model) -> None:
    assert text_of(small_model, ChatTemplate(small_model).encode(user("hi"))).endswith("<|im_start|>assistant\n")


def test_an_empty_system_message_is_an_empty_system_turn(small_model: Model) -> None:
    chat = [{"role": "system", "content": ""}, *user("hi")]
    assert ChatTemplate(small_model).encode(chat) == by_llama_cpp(small_model, rendered("", "hi"))


def test_white_space_around_a_message_is_dropped(small_model: Model) -> None:
    template = ChatTemplate(small_model)
    assert template.encode(user("  hi\n\n")) == template.encode(user("hi"))


def test_several_messages_keep_their_places(small_model: Model) -> None:
    chat = [*user("one"), {"role": "assistant", "content": "two"}, *user("three")]
    spans = ChatTemplate(small_model, CHATML).render(chat)
    assert [span.text for span in spans if not span.trusted] == ["one", "two", "three"]
    assert text_of(small_model, tokenize(small_model, spans)).count("<|im_start|>") == 4


def test_a_plain_text_is_tokenized_across_the_borders_of_spans(small_model: Model) -> None:
    spans = [Span("Hel", trusted=True), Span("lo wor", trusted=False), Span("ld", trusted=True)]
    assert tokenize(small_model, spans) == small_model.tokenize("Hello world", special=False)


def test_the_missing_bos_is_put_in_front_once(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "bos", 1)
    assert ChatTemplate(small_model, "A{{ messages[0].content }}").encode(user("b"))[0] == 1
    assert ChatTemplate(small_model, CHATML).encode(user("b")).count(1) == 2  # one per turn, none in front


def test_a_model_without_a_template_is_refused(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "chat_template", None)
    with pytest.raises(ModelError, match="no chat template") as caught:
        ChatTemplate(small_model)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("{{ raise_exception('no system role here') }}", "no system role here"),
        ("{{ messages[7].content.x }}", "fails"),
        ("{{ 'a' + 1 }}", "fails"),
        ("{{ 1 // 0 }}", "fails"),
        ("{{ messages.__class__.__mro__ }}", "fails"),
        ("{% for i in range(10**9) %}{% endfor %}", "fails"),
        ("nothing of what was said", "drops or alters"),
        ("{% for m in messages if m.role == 'system' %}{{ m.content }}{% endfor %}", "drops or alters"),
        ("{{ messages[0].content }}", "drops or alters"),  # only the first of two
        ("{{ messages[0].content[:2] }}{{ messages[1].content }}", "drops or alters"),
        ("{{ messages[0].content }}{{ messages[1].content | replace('1', '8') }}", "drops or alters"),
    ],
)
def test_a_template_that_fails_or_drops_what_was_said_is_an_error(
    small_model: Model, source: str, complaint: str
) -> None:
    template = ChatTemplate(small_model, source)
    with pytest.raises(ModelError, match=complaint):
        template.encode([*user("one"), *user("two")])


def test_a_template_that_does_not_compile_is_an_error(small_model: Model) -> None:
    with pytest.raises(ModelError, match="does not compile"):
        ChatTemplate(small_model, "{% for %}")


def test_templates_may_use_what_their_authors_count_on(small_model: Model) -> None:
    source = (
        "{%- for m in messages -%}{%- if loop.index > 5 -%}{%- break -%}{%- endif -%}{{ m.content | trim }}"
        "{%- endfor -%}{{ {'ä': [1, 'b']} | tojson }}{{ strftime_now('%Y')[:2] }}{{ eos_token }}"
    )
    spans = ChatTemplate(small_model, source).render(user("hi"))
    assert "".join(span.text for span in spans) == 'hi{"ä": [1, "b"]}20<|im_end|>'


class _NoModel:
    """As much of a model as a template asks for."""

    path = Path("odd.gguf")

    def special_token(self, _name: str) -> None:
        return None


def chat_of(source: str) -> str:
    template = ChatTemplate(cast(Model, _NoModel()), source)
    return "".join(span.text for span in template.render([*user("2 + 2?"), {"role": "assistant", "content": "4"}]))


def test_the_generation_blocks_of_hugging_face_pass_their_body_through() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}[{{ m.content }}]{% endgeneration %}"
        "{% else %}<{{ m.content }}>{% endif %}{% endfor %}"
    )
    assert chat_of(source) == "<2 + 2?>[4]"
    spaced = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration -%}{% endfor %}"
    assert chat_of(spaced) == "2 + 2?4"


ENDLESS = {
    "repeats": "{{ 'x' * 1000000000 }}",
    "repeats a list": "{{ [1] * 1000000000 }}",
    "powers": "{{ 10 ** 100000000 }}",
    "pads": "{{ '%1000000000d' % 1 }}",
    "recurses": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% set c = b %}{% endfor %}{% endfor %}",
    "writes": "{% for a in range(100000) %}{{ 'x' * 100000 }}{% endfor %}",
    "nests": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_bounds_is_an_error(source: str) -> None:
    with pytest.raises(ModelError, match=r"the chat template of odd\.gguf (fails|does not compile)") as caught:
        chat_of(source)
    assert len(str(caught.value)) < 300
