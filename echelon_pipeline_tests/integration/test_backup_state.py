"""The state database in backups: from SQLite and Postgres, into either, as of one instant."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.backups.restore import restore
from echelon_pipeline.backups.take import take
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.tables import INTENTS, LISTENERS

pytestmark = pytest.mark.xdist_group("postgres")


def settings_of(home: Path, url: str | None) -> Settings:
    return Settings(home=home, state_url=url, min_free_mb=0)


def listeners_of(settings: Settings) -> list[str]:
    with State.of(settings) as state:
        return [known.listener.name for known in Listeners(state).all()]


def test_a_state_database_is_backed_up_from_either_kind_and_restored_into_either(
    state_dsn: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "home", state_dsn)
    with State.of(settings) as state:
        Listeners(state).save(Listener(name="fed", venue="kalshi"))
        assert Leases(state).acquire("refresh", "someone", 60, at_least=7)
        watched = Listeners(state).claim("fed", ["kalshi:I0"])
    take(settings, tmp_path / "backups")
    into_sqlite = settings_of(tmp_path / "elsewhere", None)
    restore(into_sqlite, tmp_path / "backups")
    with State.of(into_sqlite) as state:
        assert {name for name, _ in Listeners(state).watched_now("fed")} == watched
        lease = Leases(state).last("refresh")
        assert lease is not None
        assert (lease.owner, lease.epoch) == ("", 7)

    with State.of(settings) as state:
        Listeners(state).save(Listener(name="another", venue="kalshi"))
    with pytest.raises(BadSettings, match="empty one"):
        restore(settings_of(tmp_path / "third", state_dsn), tmp_path / "backups")
    with State.of(settings) as state:
        for name in ("fed", "another"):
            Listeners(state).remove(name)
    back = settings_of(tmp_path / "fourth", state_dsn)
    restore(back, tmp_path / "backups")
    assert listeners_of(back) == ["fed"]
    assert not (back.home / "state.sqlite").exists()


def test_rows_that_are_written_during_the_copy_are_in_it_together_or_not_at_all(state_dsn: str, tmp_path: Path) -> None:
    with State(state_dsn) as state, state.snapshot() as reading:
        before = [len(reading.execute(table.select()).all()) for table in (LISTENERS,)]
        Listeners(state).save(Listener(name="late", venue="kalshi"))
        Listeners(state).claim("late", ["kalshi:I0"])
        after = [len(reading.execute(table.select()).all()) for table in (LISTENERS, INTENTS)]
    assert (before, after) == ([0], [0, 0])
