"""The benchmarks run, and their figures are complete."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from flask_agent_api.formats.docker_agent.toolset_fields import SUPPORTED

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SCRIPT = BENCHMARKS / "relay.py"
FIGURES = {
    "paced": {
        "CPU us per chunk", "first token later, p50 ms", "first token later, p99 ms", "chunk late, p50 ms",
        "chunk late, p99 ms", "KiB per stream", "failures",
    },
    "burst": {"chunks per s", "CPU us per chunk", "failures"},
    "short": {"turns per s", "CPU us per turn", "failures"},
    "history": {"turns per s", "CPU us per turn", "failures"},
}  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the benchmark reads /proc")
def test_relay_benchmark_measures_every_load_without_failures() -> None:
    command = [sys.executable, str(SCRIPT), "--streams", "5", "--seconds", "0.2", "--only", "ours,naive", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert set(figures) == {"ours", "naive"}
    for loads in figures.values():
        assert {load: set(values) for load, values in loads.items()} == FIGURES
        for values in loads.values():
            assert values["failures"] == 0, done.stderr
            assert all(math.isfinite(value) for value in values.values())
        assert loads["burst"]["chunks per s"] > 200
        assert loads["burst"]["CPU us per chunk"] > 0
        assert loads["short"]["turns per s"] > 1
        assert loads["paced"]["first token later, p50 ms"] > 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the soak reads /proc")
def test_a_short_soak_leaves_nothing_behind() -> None:
    command = [sys.executable, str(BENCHMARKS / "soak.py"), "--turns", "800", "--clients", "16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "after 800 turns" in done.stdout
    assert done.stdout.endswith("passed\n")


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the benchmark reads /proc")
def test_toolset_benchmark_measures_time_and_memory() -> None:
    pytest.importorskip("mcp_server_time")
    command = [sys.executable, str(BENCHMARKS / "toolsets.py"), "--repeats", "1", "--workers", "2", "--json"]
    done = subprocess.run([*command, "--only", "todo,rag,mcp"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    toolsets, workers = figures["toolsets"], figures["workers"]["2"]
    assert set(toolsets) == {"todo", "rag", "mcp, over HTTP", "mcp, mcp-server-time"}
    for values in toolsets.values():
        assert values["failures"] == 0
        assert all(math.isfinite(value) for value in values.values())
    assert toolsets["todo"]["processes"] == 0
    server = toolsets["mcp, mcp-server-time"]
    assert server["listed, ms"] > toolsets["todo"]["listed, ms"]
    assert server["processes, KiB"] > 10_000
    assert workers["servers"] == 2
    assert 0 < workers["all PSS, KiB"] <= workers["all, KiB"]


def test_every_type_of_toolset_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "toolsets.py"), "--only", "unheard-of"], capture_output=True, text=True
    )
    assert done.returncode == 2
    known = done.stderr.rpartition("there are ")[2].strip().split(", ")
    assert set(known) == set(SUPPORTED)
