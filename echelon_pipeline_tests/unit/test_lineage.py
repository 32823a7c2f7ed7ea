"""A lake that vanished or went back is not published; kept copies outlive a loss of rows; a sequence orders them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from echelon_pipeline.errors import CorruptStore, NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish import publish as module
from echelon_pipeline.publish.lineage import guarded_refresh, register_rebuilt
from echelon_pipeline.publish.publications import kept_publications, read_published_file
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.rows import staged, trade

TRADES = "core.trades"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", publish_every=0, min_free_mb=0)


def _merge(settings: Settings, *numbers: int) -> None:
    Lake.of(settings).merge(TRADES, [staged(settings.scratch / "unit", TRADES, [trade(n) for n in numbers])])


def _trades(path: Path) -> int:
    with read_published(path) as connection:
        return int(connection.execute("SELECT count(*) FROM core.trades").fetchall()[0][0])


def _table(settings: Settings) -> Path:
    return Path(Lake.of(settings).uri(TRADES))


@pytest.fixture
def published(settings: Settings) -> Settings:
    _merge(settings, *range(20))
    publish(settings)
    return settings


@pytest.mark.parametrize("force", [False, True])
def test_a_missing_lake_is_not_published(published: Settings, force: bool) -> None:
    shutil.move(published.lake_root, published.home / "unmounted")
    Path(published.lake_root).mkdir()
    with pytest.raises(CorruptStore, match=r"core\.trades has vanished \(it had version \d and 20 rows\)"):
        publish(published, force=force)
    with pytest.raises(CorruptStore, match="Is its disk mounted"):
        list(guarded_refresh(published).run())
    assert list(Path(published.lake_root).iterdir()) == []  # nothing was created at the path of the lake
    assert _trades(published.published_file) == 20
    Path(published.lake_root).rmdir()
    shutil.move(published.home / "unmounted", published.lake_root)
    assert publish(published, force=True) is not None


def test_a_table_without_its_log_is_not_published_as_empty(published: Settings) -> None:
    shutil.rmtree(_table(published) / "_delta_log")
    with pytest.raises(CorruptStore, match=r"core\.trades has vanished"):
        publish(published)


def test_a_table_at_an_older_version_is_not_published(published: Settings) -> None:
    shutil.copytree(_table(published), published.home / "backup")
    _merge(published, 30)
    publish(published)
    shutil.rmtree(_table(published))
    shutil.move(published.home / "backup", _table(published))
    with pytest.raises(CorruptStore, match=r"core\.trades went back from version 2 to 1"):
        publish(published)
    assert publish(published, rebuilt=[TRADES]) is not None
    assert _trades(published.published_file) == 20
    _merge(published, 31)
    assert publish(published) is not None


def test_another_table_of_the_same_name_is_accepted_only_after_registration(published: Settings) -> None:
    shutil.rmtree(_table(published))
    _merge(published, 1, 2, 3)
    _merge(published, 4)
    with pytest.raises(CorruptStore, match="is another table than the one published"):
        publish(published)
    assert register_rebuilt(published, [TRADES]) == {TRADES: "version 2"}
    assert publish(published) is not None
    assert _trades(published.published_file) == 4


def test_a_table_created_again_is_published_also_at_the_number_of_the_published_version(published: Settings) -> None:
    before = Lake.of(published).version(TRADES)
    shutil.rmtree(_table(published))
    _merge(published, 1, 2, 3)
    assert Lake.of(published).version(TRADES) == before
    assert publish(published, rebuilt=[TRADES]) is not None
    assert _trades(published.published_file) == 3
    assert publish(published) is None


def test_a_registered_table_is_accepted_at_its_version_or_later_only(published: Settings) -> None:
    shutil.rmtree(_table(published))
    _merge(published, 1)
    publish(published, rebuilt=["all"])
    shutil.rmtree(_table(published))
    with pytest.raises(CorruptStore, match="vanished"):
        publish(published)


def test_only_tables_of_the_registry_can_be_registered(published: Settings) -> None:
    with pytest.raises(NotFound, match=r"core\.trade\b"):
        register_rebuilt(published, ["core.trade"])


def test_copies_from_before_a_loss_of_rows_are_kept(published: Settings) -> None:
    _merge(published, 20)
    publish(published)
    shutil.rmtree(_table(published))
    for number in range(5):
        _merge(published, number)
        publish(published, rebuilt=["all"], force=True)
    counts = [_trades(p) for p in kept_publications(published.published_file)]
    assert counts == [5, 4, 3, 21, 20]
    _merge(published, *range(40))
    for number in range(3):
        _merge(published, 50 + number)
        publish(published)
    assert [_trades(p) for p in kept_publications(published.published_file)] == [43, 42, 41]


def test_publications_are_ordered_by_sequence_not_by_clock(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = SimpleNamespace(now=lambda _zone: datetime(2039, 1, 1, tzinfo=UTC))
    with monkeypatch.context() as patch:
        patch.setattr(module, "datetime", wrong)
        _merge(published, 21)
        publish(published)
    _merge(published, 22)
    assert publish(published) is not None
    kept = kept_publications(published.published_file)
    assert [_trades(p) for p in kept] == [22, 21, 20]
    assert [e.sequence for p in kept if (e := read_published_file(p))] == [3, 2, 1]
    assert kept[0].samefile(published.published_file)


def test_a_publication_dated_in_the_future_does_not_block_later_ones(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom = published.model_copy(update={"publish_every": 300})
    _merge(published, 21)
    assert publish(seldom) is None
    assert publish(seldom, soon=True) is not None
    assert publish(seldom, soon=True) is None
