from __future__ import annotations

from ttcli.interrupt import Interrupt


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_interrupt_says_no_until_it_is_requested_and_yes_ever_after() -> None:
    interrupt = Interrupt()
    assert not interrupt()
    assert not interrupt.requested
    interrupt.request()
    assert interrupt()
    assert interrupt()
    assert interrupt.requested


def test_a_deadline_stops_when_its_time_has_come_and_is_nobodys_request() -> None:
    clock = Clock()
    interrupt = Interrupt(clock)
    interrupt.after(5)
    clock.now += 4.9
    assert not interrupt()
    clock.now += 0.1
    assert interrupt()
    assert not interrupt.requested


def test_a_request_counts_before_the_deadline() -> None:
    interrupt = Interrupt(Clock())
    interrupt.after(1000)
    interrupt.request()
    assert interrupt()
    assert interrupt.requested
