"""Readers of the published file never wait, never fail, and always see one consistent state."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.integration.conftest import BACK, Ingested
from echelon_pipeline_tests.pipeline import VENUES, days_of, settings_for

pytestmark = pytest.mark.xdist_group("ingested")

SPAWN = multiprocessing.get_context("spawn")
EVERY = 0.25  # seconds between two openings
CONSISTENT = """
    SELECT (SELECT count(*) FROM core.trades), (SELECT rows FROM meta.publication WHERE table_name = 'core.trades'),
           (SELECT count(*) FROM core.instruments),
           (SELECT rows FROM meta.publication WHERE table_name = 'core.instruments')
"""


def _read_again_and_again(path: Path, stop: Event, log: Path) -> None:
    """Opens, reads, closes every 250 ms; one line per opening: trades and whether the counts agree."""
    with log.open("w") as lines:
        while not stop.is_set():
            begun = time.monotonic()
            try:
                with read_published(path) as connection:
                    trades, noted, instruments, noted_instruments = connection.execute(CONSISTENT).fetchall()[0]
                verdict = f"{trades} {(trades, instruments) == (noted, noted_instruments)}"
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is what is counted
                verdict = f"failed {type(error).__name__}: {error}"
            lines.write(verdict.replace("\n", " ") + "\n")
            lines.flush()
            stop.wait(max(0.0, EVERY - (time.monotonic() - begun)))


def _published(sandbox: SandboxProcess, home: Path, back: int) -> Settings:
    settings = settings_for(home, sandbox.env(), ECHELON_DAYS_BACK=str(back), ECHELON_PUBLISH_EVERY="0")
    for venue in VENUES:
        main.trades(Session.of(settings), venue, days_of(settings))
    assert publish(settings) is not None
    return settings


@pytest.mark.timeout(300)
def test_a_reader_every_250_ms_always_succeeds_and_one_held_open_keeps_its_state(
    sandbox: SandboxProcess, ingested: Ingested, tmp_path: Path
) -> None:
    shutil.copytree(ingested.settings.home, tmp_path / "home")
    first = _published(sandbox, tmp_path / "home", int(BACK))
    path, log, stop = first.published_file, tmp_path / "reads.log", SPAWN.Event()
    reader = SPAWN.Process(target=_read_again_and_again, args=(path, stop, log))
    with read_published(path) as held:
        before = held.execute(CONSISTENT).fetchall()
        reader.start()
        for more in (1, 2):
            _published(sandbox, tmp_path / "home", int(BACK) + more)
        stop.set()
        reader.join(30)
        assert held.execute(CONSISTENT).fetchall() == before
        names = held.execute("SELECT table_name FROM meta.publication").fetchall()
        for (name,) in names:
            held.execute(f"SELECT count(*) FROM {name}").fetchone()
    assert reader.exitcode == 0
    reads = [line.split() for line in log.read_text().splitlines()]
    assert len(reads) > 8
    assert [r for r in reads if r[1] != "True"] == []
    counts = [int(r[0]) for r in reads]
    assert counts == sorted(counts)
    with read_published(path) as connection:
        assert connection.execute(CONSISTENT).fetchall()[0][0] > before[0][0]
