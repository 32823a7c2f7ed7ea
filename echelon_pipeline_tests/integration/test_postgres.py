"""The Postgres mirror: exactly the rows of one publication, replaced for readers in one step."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from pydantic import SecretStr

from echelon_pipeline.errors import DatabaseRefused, DatabaseUnavailable, NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.maintain import maintain
from echelon_pipeline.publish import catalog, postgres
from echelon_pipeline.publish.postgres import MirrorResult, publish_postgres
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.tables import TABLES, T
from echelon_pipeline_tests.rows import DAY, Row, row, staged, trade

pytestmark = pytest.mark.xdist_group("postgres")
SPAWN = multiprocessing.get_context("spawn")


FEW = {
    name: TABLES[name]
    for name in ("core.series", "core.outcomes", "core.instruments", "core.daily_prices", "core.mart_builds")
}


@pytest.fixture
def settings(whole: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Publishes a few tables without derived ones: a tenth of the time."""
    few = Lake(whole.lake_root, scratch=whole.scratch, min_free_mb=0, tables=FEW)
    monkeypatch.setattr(Lake, "of", lambda _: few)
    monkeypatch.setattr(catalog, "statements", lambda _: ())
    monkeypatch.setattr(catalog, "list_everything", lambda *_, **__: None)  # it describes the derived ones too
    return whole


@pytest.fixture
def whole(tmp_path: Path, database: str) -> Settings:
    """Publishes everything."""
    return Settings(home=tmp_path / "home", publish_every=0, min_free_mb=0, postgres_url=SecretStr(database))


def merge(settings: Settings, table: str, *rows: Row) -> None:
    Lake.of(settings).merge(table, [staged(settings.scratch / "unit", table, rows)])


def series(number: int, **values: object) -> Row:
    return row("core.series", series_id=f"kalshi:S{number}", native_id=f"S{number}", **values)


def price(day: date, close: str) -> Row:
    return row("core.daily_prices", instrument_id="kalshi:I0", date=day, close=Decimal(close))


def mirrored(settings: Settings) -> MirrorResult:
    """Publishes to the file, then to Postgres."""
    publish(settings, force=True)
    done = publish_postgres(settings)
    assert done is not None
    return done


def asked(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with session(settings) as cursor:
        cursor.execute(query)
        found: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        return found


@contextmanager
def session(settings: Settings, *, autocommit: bool = True) -> Iterator[Any]:
    """A client's connection."""
    assert settings.postgres_url is not None
    with closing(psycopg2.connect(settings.postgres_url.get_secret_value())) as connection:
        connection.autocommit = autocommit
        with connection.cursor() as cursor:
            yield cursor


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_there_is_no_mirror_without_the_setting_or_without_a_publication(settings: Settings) -> None:
    assert publish_postgres(settings.model_copy(update={"postgres_url": None})) is None
    with pytest.raises(NotFound, match="echelon publish"):
        publish_postgres(settings)
    assert asked(settings, "SELECT 1 FROM pg_namespace WHERE nspname LIKE 'echelon%'") == []


def test_every_mirrored_table_has_the_columns_and_the_rows_of_the_published_file(whole: Settings) -> None:
    settings = whole
    awkward = 'a "quoted", \\back\\slashed {text}\t\nwith \\N and é'
    merge(
        settings,
        "core.instruments",
        row("core.instruments", instrument_id="kalshi:I0", title=awkward, rules="", tags=[awkward, "", "x,y", None]),
        row(
            "core.instruments",
            instrument_id="kalshi:I1",
            tags=[],
            tick_size=Decimal("0.000001"),
            min_order_size=Decimal("999999999999.999999"),
            opens_at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ),
    )
    merge(settings, "core.daily_prices", price(DAY, "0.123456"), price(DAY - timedelta(days=1), "1"))
    merge(settings, "core.trades", trade(1))
    done = mirrored(settings)
    names = {t.name for t in TABLES.values() if t.published and t.mirrored}
    assert set(done.copied) == names
    assert "core.trades" not in names
    with read_published(settings.published_file) as published, session(settings) as cursor:
        for name in sorted(names):
            order = ", ".join(TABLES[name].key)
            wanted = published.execute(f"SELECT * FROM {name} ORDER BY {order}")
            columns = [c[0] for c in wanted.description or ()]
            cursor.execute(f"SELECT * FROM echelon.{name.replace('.', '_')} ORDER BY {order}")
            assert [c.name for c in cursor.description] == columns, name
            assert cursor.fetchall() == wanted.fetchall(), name
    assert asked(settings, "SELECT rows FROM echelon.meta_publication WHERE table_name = 'core.instruments'") == [(2,)]


def test_json_becomes_jsonb_and_unsupported_values_stay_text(settings: Settings) -> None:
    served = {
        '{"a": [1.10, "\\ud83d\\ude00"]}': {"a": [1.1, "\U0001f600"]},
        '{"a": "\\\\u0000"}': {"a": "\\u0000"},
        '{"a": "\\u0000"}': '{"a": "\\u0000"}',
        '{"a": "\\ud83d"}': '{"a": "\\ud83d"}',
        "not json": "not json",
        "nu\0l": "nu\ufffdl",
        None: None,
    }
    rows = [
        row("core.instruments", instrument_id=f"kalshi:I{n}", external_ref=t, title=t) for n, t in enumerate(served)
    ]
    merge(settings, "core.instruments", *rows)
    mirrored(settings)
    found = asked(settings, "SELECT title, external_ref FROM echelon.core_instruments ORDER BY instrument_id")
    assert found == [(t and t.replace("\0", "\ufffd"), stored) for t, stored in served.items()]


DECIMALS = sorted({t.value for t in T if t.value.startswith("DECIMAL")})


@pytest.mark.parametrize("kind", DECIMALS)
def test_the_driver_copies_every_decimal_exactly(postgres_server: str, kind: str) -> None:
    """Release 1.8 wrote 44.123456 as 4412.345500: the scale is no multiple of 4."""
    precision, scale = (int(n) for n in kind.removeprefix("DECIMAL(").removesuffix(")").split(","))
    whole = st.integers(-(10**precision) + 1, 10**precision - 1)

    with driver.connect(postgres_server) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE d (n bigint, v numeric({precision},{scale}))")

        @run_with(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(st.one_of(whole, st.integers(0, 18).map(lambda n: 10 ** min(n, precision - 1))), max_size=50))
        def holds(units: list[int]) -> None:
            values = [Decimal(f"{u}E-{scale}") for u in units]  # scaleb would round to 28 digits
            kinds: Any = [("n", pa.int64()), ("v", pa.decimal128(precision, scale))]
            rows = pa.Table.from_pylist([{"n": n, "v": v} for n, v in enumerate(values)], pa.schema(kinds))
            cursor.execute("DELETE FROM d")
            cursor.adbc_ingest("d", rows, mode="append")
            cursor.execute("SELECT v::text FROM d ORDER BY n")
            assert [Decimal(v) for (v,) in cursor.fetchall()] == values

        holds()


def test_tables_have_keys_indexes_comments_and_types(settings: Settings) -> None:
    mirrored(settings)
    for _ in range(2):  # names of keys and indexes stay the same when tables change places
        merge(settings, "core.instruments", row("core.instruments", observed_at=datetime.now(UTC)))
        mirrored(settings)
        indexes = asked(settings, "SELECT indexname FROM pg_indexes WHERE tablename = 'core_instruments' ORDER BY 1")
        assert [n for (n,) in indexes] == [*(f"core_instruments_{n}" for n in (1, 2, 3)), "core_instruments_pkey"]
    (comment,) = asked(
        settings,
        "SELECT obj_description('echelon.core_outcomes'::regclass), col_description(attrelid, attnum) "
        "FROM pg_attribute WHERE attrelid = 'echelon.core_daily_prices'::regclass AND attname = 'close'",
    )
    close = TABLES["core.daily_prices"].column("close")
    assert comment == (TABLES["core.outcomes"].about, f"{close.about} [{close.unit}]")
    types = dict(
        asked(
            settings,
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'echelon.core_instruments'::regclass AND attnum > 0",
        )
    )
    wanted = {"tick_size": "numeric(9,6)", "external_ref": "jsonb", "tags": "text[]", "bucket": "integer"}
    wanted |= {"observed_at": "timestamp with time zone", "is_combo": "boolean", "title": "text"}
    assert {name: types[name] for name in wanted} == wanted


def test_unchanged_tables_are_not_copied_again(settings: Settings) -> None:
    merge(settings, "core.series", series(1))
    merge(settings, "core.daily_prices", price(DAY, "0.5"))
    mirrored(settings)
    merge(settings, "core.series", series(2))
    done = mirrored(settings)
    assert done.copied == {"core.series": 2}
    maintain(settings)
    assert mirrored(settings).copied == {}


def test_a_change_of_one_day_copies_that_day_only(settings: Settings) -> None:
    before = DAY - timedelta(days=1)
    merge(settings, "core.daily_prices", price(before, "0.5"), price(DAY, "0.5"))
    mirrored(settings)
    rows = "SELECT date, close, xmin::text FROM echelon.core_daily_prices ORDER BY date"
    (old, kept), first = asked(settings, rows)[0][:2], asked(settings, rows)
    merge(settings, "core.daily_prices", price(DAY, "0.625"))
    assert mirrored(settings).copied == {"core.daily_prices": 1}
    second = asked(settings, rows)
    assert second[0] == first[0]
    assert (old, kept) == (before, Decimal("0.5"))
    assert second[1][:2] == (DAY, Decimal("0.625"))
    counts = "SELECT rows, version FROM echelon.meta_publication WHERE table_name = 'core.daily_prices'"
    assert asked(settings, counts) == [(2, Lake.of(settings).version("core.daily_prices"))]


def test_a_new_lake_is_copied_even_if_its_version_numbers_are_the_same(settings: Settings) -> None:
    merge(settings, "core.series", series(1))
    mirrored(settings)
    shutil.rmtree(settings.home)
    merge(settings, "core.series", series(2))
    assert "core.series" in mirrored(settings).copied
    assert asked(settings, "SELECT series_id FROM echelon.core_series") == [("kalshi:S2",)]


def test_a_table_whose_column_became_nullable_is_created_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = TABLES["core.daily_prices"]
    strict = replace(known, columns=tuple(replace(c, nullable=c.name != "close" and c.nullable) for c in known.columns))
    with monkeypatch.context() as once:
        once.setitem(TABLES, known.name, strict)
        merge(settings, known.name, price(DAY, "0.5"))
        mirrored(settings)
    merge(settings, known.name, row(known.name, instrument_id="kalshi:I1", date=DAY - timedelta(days=1), close=None))
    mirrored(settings)
    rows = "SELECT close FROM echelon.core_daily_prices ORDER BY date"
    assert asked(settings, rows) == [(None,), (Decimal("0.5"),)]


def test_a_table_dropped_by_hand_is_restored_and_a_table_no_longer_published_is_dropped(settings: Settings) -> None:
    mirrored(settings)
    asked(settings, "DROP TABLE echelon.core_series")
    asked(settings, "CREATE TABLE echelon.core_bygone (x integer)")
    asked(
        settings,
        "INSERT INTO echelon.meta_publication SELECT 'core.bygone', version, rows, inputs, shape, built_at, copied_at, "
        "code_version FROM echelon.meta_publication WHERE table_name = 'core.series'",
    )
    assert mirrored(settings).copied == {"core.series": 0}
    assert asked(settings, "SELECT to_regclass('echelon.core_bygone')") == [(None,)]


def test_views_of_other_users_stay_and_show_the_new_rows(settings: Settings) -> None:
    merge(settings, "core.series", series(1))
    mirrored(settings)
    asked(settings, "CREATE VIEW public.ours AS SELECT series_id FROM echelon.core_series")
    merge(settings, "core.series", series(2))
    assert mirrored(settings).copied == {"core.series": 2}
    assert asked(settings, "SELECT count(*) FROM public.ours") == [(2,)]


def test_readers_never_see_half_a_publication(settings: Settings) -> None:
    """Series are swapped, prices updated in place; both have as many rows as there were publications."""
    days = [DAY + timedelta(days=n) for n in range(5)]

    def publish_next(number: int) -> None:
        merge(settings, "core.series", series(number))
        merge(settings, "core.daily_prices", price(days[number], "0.5"))
        mirrored(settings)

    publish_next(0)
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        with session(settings, autocommit=False) as cursor:
            while not stop.is_set():
                for tables in (("core_series", "core_daily_prices"), ("core_daily_prices", "core_series")):
                    counts = {}
                    for table in tables:
                        cursor.execute(f"SELECT count(*) FROM echelon.{table}")
                        counts[table] = cursor.fetchone()[0]
                    cursor.connection.commit()
                    seen.append((counts["core_series"], counts["core_daily_prices"]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, len(days)):
            publish_next(number)
    finally:
        stop.set()
        reader.join()
    assert all(a == b for a, b in seen)
    assert [a for a, _ in seen] == sorted(a for a, _ in seen)
    assert len({a for a, _ in seen}) > 3


def publish_here(settings: Settings) -> None:
    """Runs in a publisher process."""
    publish_postgres(settings)


def test_a_killed_publisher_leaves_the_last_publication_and_nothing_else(settings: Settings) -> None:
    merge(settings, "core.series", series(1))
    mirrored(settings)
    merge(settings, "core.series", series(2))
    publish(settings, force=True)
    with session(settings, autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM echelon.core_series")  # the swap waits until this transaction ends
        publisher = SPAWN.Process(target=publish_here, args=(settings,))
        publisher.start()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'echelon.core_series'::regclass"
        until(lambda: asked(settings, waits))
        assert publisher.pid is not None
        os.kill(publisher.pid, signal.SIGKILL)
        publisher.join()
    assert asked(settings, "SELECT count(*) FROM echelon.core_series") == [(1,)]
    done = publish_postgres(settings)
    assert done is not None
    assert done.copied == {"core.series": 2}
    assert asked(settings, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'echelon%'") == [("echelon",)]


def test_the_second_of_two_publishers_waits_and_copies_nothing(settings: Settings) -> None:
    merge(settings, "core.series", series(1))
    publish(settings, force=True)
    done: list[MirrorResult | None] = []
    with session(settings, autocommit=False) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({postgres.PUBLISH_LOCK})")
        publishers = [threading.Thread(target=lambda: done.append(publish_postgres(settings))) for _ in range(2)]
        for publisher in publishers:
            publisher.start()
        until(lambda: asked(settings, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(2,)])
        assert done == []
    for publisher in publishers:
        publisher.join()
    first, second = done
    assert first is not None
    assert second is not None
    assert (len(second.copied), len(second.unchanged)) == (0, len(first.copied))


def test_readers_that_lock_a_table_too_long_make_the_publication_fail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(settings, "core.series", series(1))
    mirrored(settings)
    merge(settings, "core.series", series(2))
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 1)
    monkeypatch.setattr(postgres, "SWAP_LOCK_MS", 50)
    with session(settings, autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM echelon.core_series")
        with pytest.raises(DatabaseUnavailable, match="readers have held tables of the mirror"):
            mirrored(settings)
    assert mirrored(settings).copied == {"core.series": 2}


def test_the_reader_role_can_read_every_table_and_write_none(settings: Settings) -> None:
    asked(settings, 'CREATE ROLE "Our readers"')
    try:
        named = settings.model_copy(update={"postgres_reader": "Our readers"})
        mirrored(settings)  # the role does not exist: nothing is granted and nothing fails
        for number in range(2):
            merge(settings, "core.series", series(number))
            mirrored(named)
            with session(settings, autocommit=False) as cursor:
                cursor.execute('SET ROLE "Our readers"')
                cursor.execute("SELECT count(*) FROM echelon.core_series")
                assert cursor.fetchone() == (number + 1,)
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute("DELETE FROM echelon.core_series")
    finally:
        asked(settings, 'DROP OWNED BY "Our readers"')
        asked(settings, 'DROP ROLE "Our readers"')


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@127.0.0.1:1/nowhere",
        "postgresql+psycopg2://someone:hunter2@127.0.0.1:1/nowhere",
        "postgresql://someone:hun:ter2@hunter2:1/nowhere",
        "postgresql://someone@127.0.0.1:1/nowhere?hunter2=1",
    ],
)
def test_no_connection_message_contains_a_word_of_the_url(settings: Settings, url: str) -> None:
    known = load_settings({"ECHELON_HOME": str(settings.home), "ECHELON_POSTGRES_URL": url})
    with pytest.raises(DatabaseUnavailable, match="ECHELON_POSTGRES_URL: cannot connect: ") as caught:
        publish_postgres(known)
    shown = "".join(traceback.format_exception(caught.value)) + repr(known) + str(known)
    assert "hunter2" not in shown
    assert "ter2" not in shown


def test_a_refusal_carries_the_server_message(settings: Settings, database: str) -> None:
    asked(settings, "CREATE ROLE weak LOGIN")
    try:
        with pytest.raises(DatabaseRefused, match="permission denied for database"):
            publish_postgres(
                settings.model_copy(update={"postgres_url": SecretStr(database.replace("postgres@", "weak@"))})
            )
    finally:
        asked(settings, "DROP ROLE weak")
