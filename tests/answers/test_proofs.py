import pytest

from ttcli.answers.question import Question


@pytest.mark.parametrize(
    "text",
    [
        "Prove that the sum of two even integers is even.",
        "Show that $n^2$ is odd where $n$ is odd.",
        "Please give a proof that there are infinitely many primes.",
        "Could you prove Fermat's little theorem?",
    ],
)
def test_a_proof_is_a_text(text: str) -> None:
    assert Question.of(text).kind == "prose"


def test_what_is_shown_to_somebody_is_no_proof() -> None:
    assert Question.of("Show the result of 2 + 2.").kind != "prose"
    assert Question.of("Tom can prove 3 theorems a day. How many can he prove in 4 days?").kind == "number"
