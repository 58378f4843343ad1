"""From the text of a solution to its final answer, from answers to classes of equal ones, from classes to a vote."""

from ttcli.answers.equal import CHECKER, Checker, equivalent, grade, is_correct, layer
from ttcli.answers.extract import extract_answer
from ttcli.answers.vote import best, hierarchical, majority, weighted

extract = extract_answer  # for programs: these two go before the modules of their names
equal = equivalent

__all__ = [
    "CHECKER",
    "Checker",
    "best",
    "equal",
    "equivalent",
    "extract",
    "extract_answer",
    "grade",
    "hierarchical",
    "is_correct",
    "layer",
    "majority",
    "weighted",
]
