"""What a reader can see without a model: equalities between numbers in a solution, and whether they hold."""

from ttcli.verifier.arithmetic.equations import equations
from ttcli.verifier.arithmetic.judgement import Equation

__all__ = ["Equation", "equations"]
