from __future__ import annotations

import signal

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import AgentAPIError
from flask_agent_api.runtime.callable_agent import CallableAgent
from flask_agent_api.runtime.cancel_reason import SHUTDOWN
from flask_agent_api.runtime.in_flight import InFlight
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.slot import Closed
from flask_agent_api.types import Error
from flask_agent_api.types import RunRequest
from flask_agent_api.web.drain import drain_at_shutdown

MESSAGES = [{"role": "user", "content": "hi"}]


def new_run() -> Run:
    agent = CallableAgent(lambda messages: "answer", "plain")
    return Run(agent, RunRequest(MESSAGES), RunContext(Settings()))


def code_of(run: Run) -> str | None:
    """The code of the error that a started run ends with."""
    [event] = [event for batch in run.batches() for event in batch if isinstance(event, Error)]
    return event.error.code


def refusal(in_flight: InFlight) -> tuple[int, str | None, str | None]:
    with pytest.raises(AgentAPIError) as caught:
        in_flight.enter()
    return caught.value.status, caught.value.code, caught.value.headers.get("Retry-After")


def test_places_are_limited_and_come_back() -> None:
    in_flight = InFlight(2)
    first = in_flight.enter()
    in_flight.enter()
    assert refusal(in_flight) == (503, "too_many_streams", "1")
    assert len(in_flight) == 2, "the refused one takes no place"
    first.leave()
    first.leave()
    in_flight.enter()
    assert refusal(in_flight)[1] == "too_many_streams"


def test_place_without_a_run_is_left_at_the_end_of_its_block() -> None:
    in_flight = InFlight(1)
    with in_flight.enter():
        assert len(in_flight) == 1
    assert len(in_flight) == 0


def test_place_with_a_run_is_left_only_by_a_failure() -> None:
    in_flight = InFlight(2)
    with in_flight.enter() as place:
        place.hold(new_run())
    assert len(in_flight) == 1

    def fail() -> None:
        with in_flight.enter() as place:
            place.hold(new_run())
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert len(in_flight) == 1


def test_closed_takes_in_no_more_and_ends_nothing() -> None:
    in_flight = InFlight(2)
    with in_flight.enter() as place:
        run = new_run()
        place.hold(run)
        in_flight.close()
        assert refusal(in_flight) == (503, "server_shutting_down", "1")
        assert "answer" in [event for batch in run.start().batches() for event in batch]


def test_end_cancels_runs_also_one_that_comes_later() -> None:
    """The body of a request may be on its way when the time is up."""
    in_flight = InFlight(2)
    early, late = in_flight.enter(), in_flight.enter()
    run = new_run()
    early.hold(run)
    in_flight.end(SHUTDOWN)
    assert code_of(run.start()) == "server_shutting_down"
    run = new_run()
    late.hold(run)
    assert code_of(run.start()) == "server_shutting_down"
    with pytest.raises(Closed):
        run.next(0)
    assert refusal(in_flight)[1] == "server_shutting_down"


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_process_without_a_handler_of_sigterm_gets_none(handler: signal.Handlers) -> None:
    """It is no server's worker: to end at once is what it is asked for."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        drain_at_shutdown(InFlight(1), 1.0)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
