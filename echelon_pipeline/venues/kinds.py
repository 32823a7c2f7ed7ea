"""Payload kinds: the SQL that makes rows of one endpoint's objects.

Belongs here: the value type that each venue's ``parse`` module fills. The SQL itself is in ``sql/parse``.

A parse statement is one SELECT over the relation ``raw_objects`` (columns of the table ``raw.objects``).
It gives one typed, wide row per record of the payload plus ``reject_reason`` (NULL where the row is valid, otherwise
the fault and the expected value) and ``reject_path`` (the JSON path of the fault), and must never raise on any payload:
as_json, TRY_CAST, CASE. Each output statement is one SELECT over the
relation ``parsed`` (the valid rows) and gives exactly the columns of its table, by name; columns it leaves
out are NULL. Outputs may also read ``known_outcomes`` (token_id, instrument_id, outcome_index, label).

For a rejected row a parse statement may give the missing row's ``reject_instrument_id`` (default: ``instrument_id``),
``reject_from_at`` and ``reject_to_at`` (the interval of its time), and ``reject_rows`` (number of missing rows). NULL
means unreadable: then it counts against the venue, and against the whole request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Payload bytes parsed at once. An object with many points grows about 40-fold in memory (a 10 MB answer of
# candles took 400 MB), an object of one row about 5-fold.
ROWS_CHUNK = 16 * 2**20
TRADES_CHUNK = 64 * 2**20  # rows of 0.3 kB: larger chunks keep both cores busy
POINTS_CHUNK = 3 * 2**20


@dataclass(frozen=True)
class PayloadKind:
    """One endpoint's payloads. ``outputs``: table name to the statement that makes its rows.

    ``known_fields``: top-level keys that the parser reads; others are counted in ``core.drift`` and stay in raw.
    ``known_values``: enum-like fields and their known values; others are kept as text and counted. ``known_patterns``:
    fields and the regular expression that their whole text must match; other texts are counted, because the statements
    make them NULL. ``main``: the table named in dead letters of this kind. ``chunk_bytes``: payload bytes parsed at
    once, whole pages at least; ``whole``: all pages of a unit are parsed together. ``version``: increase it when its
    statements make other rows of the same payload; kinds of one table have the same version. ``owner``: SQL of the
    instrument of a parsed row, for kinds that are requested by instrument: a row of an instrument that was not
    requested is rejected.
    """

    venue: str
    endpoint: str
    parse: str
    outputs: Mapping[str, str]
    main: str
    known_fields: frozenset[str] = frozenset()
    known_values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    known_patterns: Mapping[str, str] = field(default_factory=dict)
    uses_outcomes: bool = False
    chunk_bytes: int = ROWS_CHUNK
    whole: bool = False
    version: int = 1
    owner: str = ""
