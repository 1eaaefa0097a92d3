"""The benchmark runs, and its figures are complete."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "relay.py"
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
