"""Texts of a server that are mended: the server continues an answer that it has not quite written so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy.server.fake_server import FakeServer
from ttcli.engine.params import SamplingParams
from ttcli.errors import BackendError
from ttcli.policy.prompt import Prompt
from ttcli.policy.repair import RepairingPolicy
from ttcli.policy.server.address import Address
from ttcli.policy.server.policy import ServerPolicy
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Mended
from ttcli.solution import Ended
from ttcli.verifier.repairers import ArithmeticRepair

PROBLEM = Problem("What is 12 x 5 ?")
WRONG = "First 12 x 5 = 70. So\n\nit is \\boxed{70}."
RIGHT = "First 12 x 5 = 60. So\n\nit is \\boxed{60}."


@pytest.fixture(params=[True, False], ids=["log-probabilities", "none"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    for name in ("TTC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with FakeServer([WRONG, RIGHT], continues=True, logprobs=request.param) as fake:
        yield fake


def connected(server: FakeServer) -> ServerPolicy:
    return ServerPolicy(
        Address.parse(server.url), model=None, prompt=Prompt(), sampling=SamplingParams(), max_tokens=50, width=4
    )


def test_a_server_goes_on_from_the_number_that_was_put_right(server: FakeServer) -> None:
    policy = RepairingPolicy(connected(server), ArithmeticRepair())
    try:
        for until in ("answer", "step"):
            root = policy.start(PROBLEM)
            requests = [Extend(root, (0, at), until=until) for at in range(8)]
            seen = [each for batch in policy.extend(requests) for each in batch]
            mended = [each for each in seen if isinstance(each, Mended)]
            extensions = [each for each in seen if isinstance(each, Extension)]
            assert mended
            assert {(each.repair.wrote, each.repair.mended) for each in mended} == {("70", "60")}
            assert len(extensions) == 8
            for each in extensions:
                assert RIGHT.startswith(each.prefix.text)
                assert (each.prefix.ended is Ended.STOP) == (until == "answer")
                assert each.prefix.steps[0].text == "First 12 x 5 = 60. So\n\n"
                assert each.prefix.tokens > 0
                assert not each.prefix.partial
    finally:
        policy.close()


def test_a_server_that_cannot_continue_an_answer_is_refused() -> None:
    with FakeServer([WRONG], continues=False) as fake:
        policy = RepairingPolicy(connected(fake), ArithmeticRepair())
        try:
            with pytest.raises(BackendError, match="so nothing can be mended in one") as caught:
                list(policy.extend([Extend(policy.start(PROBLEM), (0,))]))
            assert caught.value.hint == "--repair off"
        finally:
            policy.close()
