"""A worker that stands still says where, once, while it does."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import logging, re, sys, time
from flask_agent_api.concurrency import patch_all, native, sleep
if "unpatched" not in sys.argv:
    patch_all()
from flask_agent_api import hub_monitor
logging.basicConfig(format="%(name)s %(message)s", stream=sys.stdout)
really_sleep = native("time", "sleep")

def computes(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

def waits_in_c(seconds):
    really_sleep(seconds)

def holds_the_lock_of_python(length):
    re.match("(a+)+$", "a" * length + "b")

hub_monitor.watch_hub(float(sys.argv[1]))
hub_monitor.watch_hub(float(sys.argv[1]) / 10)
sleep(0.3)
"""


def said(*arguments: str, then: str) -> str:
    command = [sys.executable, "-c", f"{PROGRAM}{then}\nsleep(0.3)", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("call", ["computes(0.9)", "waits_in_c(0.9)", "holds_the_lock_of_python(26)"])
def test_where_it_stands_is_said_once(call: str) -> None:
    output = said("0.4", then=call)
    assert output.count("flask_agent_api.hub this worker has stood still for") == 1
    assert f"in {call.partition('(')[0]}\n" in output


def test_it_is_said_while_it_goes_on() -> None:
    """For a loop that never ends, too, at whose end nobody would be left to say so."""
    program = PROGRAM + "print('begin', flush=True); computes(1e9)"
    with subprocess.Popen([sys.executable, "-c", program, "0.4"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "in computes\n" not in process.stdout.readline():
            assert process.poll() is None
        process.kill()


def test_others_in_the_same_minute_are_counted() -> None:
    again = "computes(0.8); sleep(0.3); computes(0.8); sleep(0.3); hub_monitor.QUIET_SECONDS = 0.0; computes(0.8)"
    output = said("0.4", then=again)
    assert output.count("stood still") == 2
    assert re.search(r"still for 0\.\d s \(and \d times since the last such warning\)", output)


def test_a_child_of_a_fork_is_watched_as_well() -> None:
    then = """
import os
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    hub_monitor.watch_hub(0.4)
    sleep(0.3)
    computes(0.9)
"""
    assert said("0.4", then=then).count("in computes\n") == 1


@pytest.mark.parametrize(
    ("arguments", "then"),
    [
        (("0.4",), "sleep(1.5)"),
        (("0.4",), "[computes(0.1) or sleep(0.01) for _ in range(10)]"),
        (("0",), "computes(0.9)"),
        (("0.4", "unpatched"), "computes(0.9)"),
    ],
    ids=["idle", "busy but fair", "turned off", "in threads"],
)
def test_otherwise_nothing_is_said(arguments: tuple[str, ...], then: str) -> None:
    assert said(*arguments, then=then) == ""
