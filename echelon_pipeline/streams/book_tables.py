"""Recorded frames to tables of books, one venue and UTC hour at a time.

Belongs here: committing what an hour's segments say. Which those are is ``recordings.py``'s, what frames say is
``streams/book_columns.py``'s, what of it counts is ``sql/books``'s. The same segments give the same rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from echelon_pipeline.domain.intervals import newest_labels
from echelon_pipeline.lake.faults import storage_faults
from echelon_pipeline.lake.session import Counts, Session, Unit
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.sqltools.text import literal, typed
from echelon_pipeline.streams.book_columns import SCHEMAS, ChainColumns, Span
from echelon_pipeline.streams.hours import micros
from echelon_pipeline.streams.recordings import SCOPE, WINDOWED, Hour
from echelon_pipeline.tables import TABLES, Feeder, fed_by
from echelon_pipeline.venues.frames import READER_VERSION

# In the order of commits; gaps are made from books.
BOOK_TABLES = fed_by(Feeder.BOOKS)
DEAD_LETTERS = "core.dead_letters"
_CHAIN: pa.Field[Any] = pa.field("chain", pa.int32())


def derive_hour(session: Session, hour: Hour) -> Counts:
    """Replaces the hour's rows of all seven tables, then records its window. ``objects`` counts frames replayed.

    Raises CorruptStore, RuleViolation, Conflict, DiskFull.
    """
    counts = Counts()
    digest = hour.digest  # before reading: what comes meanwhile is for the next time
    partition = (hour.venue, hour.starts_at.date(), hour.starts_at.hour)
    given: dict[str, str | int] = {
        "venue": hour.venue,
        "since": micros(hour.starts_at),
        "until": micros(hour.ends_at),
    }
    with session.unit() as unit, session.duck() as connection:
        counts.objects = _write_chains(unit, connection, hour)
        for name in BOOK_TABLES:
            stem = name.removeprefix("core.")
            text = _with(statement(f"books/{stem}").text, given)
            query = typed(TABLES[name], text, connection)
            rows = session.lake.replace_partition(connection, name, query, partition).rows_staged
            where = dict(zip(TABLES[name].partition_by, ([value] for value in partition), strict=True))
            made = session.lake.scan(name, where=where)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW made_{stem} AS {made}")
            counts.staged[name] = counts.new[name] = rows
        counts.dead_letters = _keep_unreadable(unit, connection, hour, digest)
        window = unit.window(
            hour.venue,
            WINDOWED,
            SCOPE,
            (hour.starts_at, hour.ends_at),
            state="complete" if hour.is_over else "partial",
            reason=None if hour.is_over else "still being recorded",
            rows=counts.staged[WINDOWED],
            counts=counts,
        )
        session.windows.record([replace(window, unit_id=digest)], as_of=hour.looked_at)
    return counts


def _with(text: str, given: Mapping[str, str | int]) -> str:
    """A statement with its parameters written out: COPY takes none."""
    for name, value in given.items():
        text = text.replace(f"${name}", literal(value) if isinstance(value, str) else str(value))
    return text


def _keep_unreadable(unit: Unit, connection: duckdb.DuckDBPyConnection, hour: Hour, digest: str) -> int:
    """Dead letters of the hour's frames, under its digest: the same each time; how many there are."""
    given = {"venue": hour.venue, "parser_version": READER_VERSION, "unit": digest}
    connection.execute(f"CREATE OR REPLACE TEMP TABLE made_dead AS {statement('books/dead_letters').text}", given)
    found = connection.execute("SELECT count(*) FROM made_dead").fetchone()
    if found is None or not found[0]:
        return 0
    made = f"({typed(TABLES[DEAD_LETTERS], 'FROM made_dead', connection)})"
    unit.session.lake.merge(DEAD_LETTERS, [unit.session.lake.stage(connection, DEAD_LETTERS, made, unit=unit.unit_id)])
    return int(found[0])


def valid_share(session: Session, hour: Hour) -> float | None:
    """The part of an hour's rows, in time, whose book was live or stale; None where it has none."""
    where: dict[str, Sequence[object]] = {
        "venue": [hour.venue],
        "date": [hour.starts_at.date()],
        "hour": [hour.starts_at.hour],
    }
    seconds = "sum(epoch(valid_to) - epoch(valid_from))"
    query = f"""
        SELECT {seconds} FILTER (state <> 'unknown') / {seconds}
        FROM ({session.lake.scan("core.book_snapshots", where=where)}) WHERE reason IS DISTINCT FROM 'closed'
    """
    with session.duck() as connection:
        found = connection.execute(query).fetchone()
    return None if found is None or found[0] is None else float(found[0])


def _write_chains(unit: Unit, connection: duckdb.DuckDBPyConnection, hour: Hour) -> int:
    """Writes what the hour's chains say to scratch and opens it as the relations that ``sql/books`` reads."""
    since, until = micros(hour.starts_at), micros(hour.ends_at)
    spans: list[Mapping[str, Span]] = []
    outcomes: dict[str, int] = {}
    frames = 0
    with storage_faults(str(unit.scratch)), _Files(unit.scratch) as files:
        for number, chain in enumerate(hour.chains):
            columns = ChainColumns(chain, since=since, until=until)
            for name, batch in columns.batches():
                files.write(name, number, batch)
            spans.append(columns.spans)
            outcomes |= columns.outcomes
            frames += columns.frames
        files.wait()
    for name in SCHEMAS:
        numbered = ", file_row_number = true" if name == "rows" else ""
        query = f"SELECT * FROM read_parquet({literal(str(files.path(name)))}{numbered})"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
    columns_of_chains = "chain INTEGER, instrument_id VARCHAR, preferred_from BIGINT, preferred_to BIGINT"
    _table(connection, "preferred_chains", columns_of_chains, preferred_chains(spans))
    _table(connection, "tokens", "token VARCHAR, outcome_index INTEGER", sorted(outcomes.items()))
    unnumbered = [(number,) for number, chain in enumerate(hour.chains) if not chain[0][0].numbered]
    _table(connection, "unnumbered", "chain INTEGER", unnumbered)
    _table(connection, "intents", "instrument_id VARCHAR, intent_from BIGINT, intent_to BIGINT", hour.intents)
    return frames


def preferred_chains(spans: Sequence[Mapping[str, Span]]) -> list[tuple[int, str, int, int]]:
    """(chain, instrument, from, to): which chain is preferred when. Chains are in the order of their beginning.

    Per instrument and instant, the newest chain that records it and has had a valid book; otherwise the oldest one
    that records it. A chain that outlives newer ones is preferred again.
    """
    found = []
    for name in sorted({name for chain in spans for name in chain}):
        of_instrument = [(number, chain[name]) for number, chain in enumerate(spans) if name in chain]
        intervals = []
        for order, (number, span) in enumerate(sorted(of_instrument, key=lambda c: c[1].first_at)):
            valid_from = span.ends_at if span.first_valid_at is None else min(span.first_valid_at, span.ends_at)
            intervals.append((span.first_at, valid_from, (0, -order), number))  # the oldest of these
            intervals.append((valid_from, span.ends_at, (1, order), number))  # the newest of these, before all others
        found += [(number, name, begin, end) for begin, end, number in newest_labels(intervals)]
    return found


class _Files:
    """One Parquet file in scratch per table of ``SCHEMAS``, each row with the number of its chain.

    Written beside the replay, by a thread that is at most two batches behind (some 40 MB each). Dictionaries for texts
    only: tried for levels they cost a third of the time, and the file is larger.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for name, schema in SCHEMAS.items():
                self._writers[name] = opened.enter_context(self._writer(name, schema.append(_CHAIN)))
            opened.callback(self._thread.shutdown)  # before the files that it writes to are closed
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()  # every one of them, whatever another's end raises

    def _writer(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        texts: Any = [f.name for f in schema if pa.types.is_dictionary(f.type) or pa.types.is_string(f.type)]
        return pq.ParquetWriter(self.path(name), schema, compression="zstd", compression_level=1, use_dictionary=texts)

    def path(self, name: str) -> Path:
        return self._folder / f"chains-{name}.parquet"

    def write(self, name: str, chain: int, batch: pa.RecordBatch) -> None:
        """Raises what an earlier batch's writing raised."""
        column = pa.repeat(pa.scalar(chain, _CHAIN.type), batch.num_rows)
        self._waiting.append(self._thread.submit(self._writers[name].write_batch, batch.append_column(_CHAIN, column)))
        self.wait(2)

    def wait(self, most: int = 0) -> None:
        """Until no more than so many batches are not written yet."""
        while len(self._waiting) > most:
            self._waiting.popleft().result()


def _table(connection: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    if rows:
        marks = ", ".join(f"unnest(${n + 1})" for n in range(len(rows[0])))
        connection.execute(f"INSERT INTO {name} SELECT {marks}", [list(c) for c in zip(*rows, strict=True)])
