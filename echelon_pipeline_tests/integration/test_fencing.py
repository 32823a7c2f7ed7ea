"""Refreshes and publications of several processes, on SQLite and on Postgres: one that was stopped changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.refresh import Built, Refresh
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.rows import DAY, staged, stored, trade

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.slow]
VOLUME, TRADES = "mart.trade_volume", "core.trades"

# Each works as the command does, and waits for a line right before its result becomes visible.
WORKER = """
import sys
from echelon_pipeline import stopping
from echelon_pipeline.marts import refresh
from echelon_pipeline.publish import publish
from echelon_pipeline.settings import load_settings
what, home, lake, url = sys.argv[1:]
settings = load_settings({
    "ECHELON_HOME": home, "ECHELON_LAKE": lake, "ECHELON_STATE_URL": url,
    "ECHELON_LEASE_SECONDS": "2", "ECHELON_MIN_FREE_MB": "0", "ECHELON_PUBLISH_EVERY": "0",
})
def after(work):
    def then(*given, **named):
        done = work(*given, **named)
        print("ready", flush=True)
        sys.stdin.readline()
        return done
    return then
with stopping.handling_signals():
    if what == "refresh":
        refresh.stage = after(refresh.stage)
        list(refresh.Refresh(settings).run(["mart.trade_volume"]))
    else:
        publish._verify = after(publish._verify)
        publish.publish(settings, force=True)
    print("done", flush=True)
"""


@pytest.fixture
def settings(state_dsn: str, tmp_path: Path) -> Settings:
    return load_settings(
        {
            "ECHELON_HOME": str(tmp_path / "home"),
            "ECHELON_STATE_URL": state_dsn,
            "ECHELON_LEASE_SECONDS": "2",
            "ECHELON_MIN_FREE_MB": "0",
            "ECHELON_PUBLISH_EVERY": "0",
        }
    )


def working(settings: Settings, what: str, home: Path | None = None) -> subprocess.Popen[str]:
    """A process that has done all but the last step. ``home``: of another machine with the same lake."""
    arguments = [what, str(home or settings.home), settings.lake_root, settings.state_dsn]
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def merge(settings: Settings, number: int) -> None:
    lake = Lake.of(settings)
    lake.merge(TRADES, [staged(lake.scratch, TRADES, [trade(number, taker_direction=1)])])


def test_a_refresh_that_was_stopped_for_longer_than_its_lease_does_not_overwrite_a_newer_one(
    settings: Settings,
) -> None:
    merge(settings, 1)
    stopped = working(settings, "refresh", settings.home.with_name("other machine"))
    stopped.send_signal(signal.SIGSTOP)
    merge(settings, 2)
    assert list(Refresh(settings).run([VOLUME])) == [Built(VOLUME, str(DAY), 2)]
    rows = stored(Lake.of(settings), VOLUME)
    stopped.send_signal(signal.SIGCONT)
    out, err = stopped.communicate("\n", timeout=60)
    assert "done" not in out
    assert "was taken over" in err
    assert stored(Lake.of(settings), VOLUME) == rows


def test_a_publisher_that_was_stopped_for_longer_than_its_lease_does_not_replace_a_newer_file(
    settings: Settings,
) -> None:
    merge(settings, 1)
    stopped = working(settings, "publish")
    stopped.send_signal(signal.SIGSTOP)
    merge(settings, 2)
    assert publish(settings) is not None
    inode = settings.published_file.stat().st_ino
    stopped.send_signal(signal.SIGCONT)
    out, err = stopped.communicate("\n", timeout=60)
    assert "done" not in out
    assert "was taken over" in err
    assert settings.published_file.stat().st_ino == inode
    with read_published(settings.published_file) as connection:
        assert connection.execute("SELECT count(*) FROM core.trades").fetchall() == [(2,)]


def test_a_killed_refresh_is_followed_at_once(settings: Settings) -> None:
    merge(settings, 1)
    killed = working(settings, "refresh")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    began = time.monotonic()
    assert list(Refresh(settings).run([VOLUME])) == [Built(VOLUME, str(DAY), 1)]
    assert time.monotonic() - began < 10


def test_two_refreshes_at_once_take_turns(settings: Settings) -> None:
    merge(settings, 1)
    first = working(settings, "refresh")
    second = subprocess.Popen(
        [sys.executable, "-c", WORKER, "refresh", str(settings.home), settings.lake_root, settings.state_dsn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(8)  # the first one renews its lease of 2 s all the while
    assert first.communicate("\n", timeout=60)[0] == "done\n"
    assert second.communicate("\n", timeout=60)[0] == "done\n"  # it found nothing stale, so it did not stage
    assert len(stored(Lake.of(settings), VOLUME)) > 0
