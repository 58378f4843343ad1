"""What a reader can see without a model: equalities between numbers in a solution, and whether they hold."""

from ttcli.verifier.arithmetic.equations import equations
from ttcli.verifier.arithmetic.judgement import Equation
from ttcli.verifier.arithmetic.verifier import AUC_BY_QUARTERS, RULES, Arithmetic, by_step

__all__ = ["AUC_BY_QUARTERS", "RULES", "Arithmetic", "Equation", "by_step", "equations"]
