from __future__ import annotations

import pytest

from flask_agent_api.concurrency import Deadline
from flask_agent_api.concurrency import sleep


def test_block_that_is_not_done_in_time_ends_in_a_timeout_error() -> None:
    with pytest.raises(TimeoutError), Deadline(0.01):
        sleep(5)


def test_block_that_is_done_in_time_is_left_alone_afterwards() -> None:
    with Deadline(0.01):
        pass
    sleep(0.03)


def test_other_errors_pass() -> None:
    with pytest.raises(LookupError), Deadline(5):
        raise LookupError


def test_reader_that_turns_os_errors_into_something_else_does_not_hide_it() -> None:
    def read() -> None:
        try:
            sleep(5)
        except (OSError, ValueError):
            return

    with pytest.raises(TimeoutError), Deadline(0.01):
        read()


def test_outer_deadline_goes_through_an_inner_one() -> None:
    ended_by_inner = []

    def wait() -> None:
        try:
            with Deadline(5):
                sleep(5)
        except TimeoutError as exc:
            ended_by_inner.append(exc)

    with pytest.raises(TimeoutError), Deadline(0.01):
        wait()
    assert ended_by_inner == []
