"""Freed memory returns to the system. Each test uses its own process, as allocators read their settings only once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

FREED = """
import json, os
import echelon_pipeline
import pyarrow as pa
import echelon_pipeline.venues.registry  # registers macros that every connection needs
from echelon_pipeline.sqltools.duck import connect

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

with connect():
    pass
before = resident()
with connect() as connection:
    connection.execute("CREATE TEMP TABLE held AS SELECT md5(range::VARCHAR) AS text FROM range(1_500_000)")
    held = resident()
print(json.dumps({
    "before": before, "held": held, "after": resident(), "pool": pa.default_memory_pool().backend_name,
    "delta": os.environ["_RJEM_MALLOC_CONF"],
}))
"""


def run(**environment: str) -> dict[str, float | str]:
    env = {name: text for name, text in os.environ.items() if name != "_RJEM_MALLOC_CONF"} | environment
    done = subprocess.run([sys.executable, "-c", FREED], env=env, capture_output=True, text=True, check=True)
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


def test_memory_of_a_connection_is_released_when_it_ends() -> None:
    found = run()
    before, held, after = (float(found[name]) for name in ("before", "held", "after"))
    assert held - before > 50
    assert after - before < (held - before) / 3


def test_allocators_are_configured_before_their_libraries_load_and_existing_settings_stay() -> None:
    found = run()
    assert found["pool"] == "system"
    assert "dirty_decay_ms:0" in str(found["delta"])
    assert run(_RJEM_MALLOC_CONF="narenas:1")["delta"] == "narenas:1"
