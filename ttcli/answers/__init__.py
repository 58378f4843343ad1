"""From the text of a solution to its final answer, from answers to classes of equal ones, from classes to a vote."""

from ttcli.answers.equal import CHECKER, Checker, equivalent, is_correct
from ttcli.answers.extract import extract_answer
from ttcli.answers.vote import best, hierarchical, majority, weighted

__all__ = [
    "CHECKER",
    "Checker",
    "best",
    "equivalent",
    "extract_answer",
    "hierarchical",
    "is_correct",
    "majority",
    "weighted",
]
