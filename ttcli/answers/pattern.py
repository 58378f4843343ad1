"""Lists of words, and patterns made of them."""

from __future__ import annotations


def words(text: str) -> list[str]:
    """The words of a text, for tables that read better in lines than in quotes."""
    return text.split()


def either(*alternatives: str) -> str:
    """A pattern that matches any of the patterns."""
    return "(?:" + "|".join(alternatives) + ")"


def phrases(text: str) -> str:
    """A pattern that matches any of the phrases, which commas separate; lines break where a space may stand."""
    return either(*(phrase.strip() for phrase in " ".join(text.split()).split(",")))
