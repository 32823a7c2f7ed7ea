"""How the objects of one endpoint become rows.

Belongs here: the value type that each venue's ``parse`` module fills. The SQL itself is in ``sql/parse``.

A parse statement is one SELECT over the relation ``raw_objects`` (columns of the table ``raw.objects``).
It gives one typed, wide row per thing in the payload plus ``reject_reason`` (NULL where the row is good,
else what is wrong and what was expected) and ``reject_path`` (the JSON path of the fault), and must never
raise whatever the payload holds: as_json, TRY_CAST, CASE. Each output statement is one SELECT over the
relation ``parsed`` (the good rows) and gives exactly the columns of its table, by name; columns it leaves
out are NULL. Outputs may also read ``known_outcomes`` (token_id, instrument_id, outcome_index, label).

Of a rejected row a parse statement may say whose row is missing: ``reject_instrument_id`` (else ``instrument_id``),
``reject_from_at`` and ``reject_to_at`` (where its time lies), ``reject_rows`` (how many rows it stands for). NULL is
"cannot be read": then it counts against the venue, and against all that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Payload bytes parsed at once. An object that holds many points grows some 40-fold in memory (a 10 MB answer
# of candles took 400 MB), one that is a row some 5-fold.
ROWS_CHUNK = 16 * 2**20
TRADES_CHUNK = 64 * 2**20  # rows of 0.3 kB: larger chunks keep both cores busy
POINTS_CHUNK = 3 * 2**20


@dataclass(frozen=True)
class PayloadKind:
    """One endpoint's payloads. ``outputs``: table name to the statement that makes its rows.

    ``known_fields``: top-level keys the parser knows; others are counted in ``core.drift``, never lost
    (raw keeps them). ``known_values``: enum-like fields and the values we know; others are kept as text
    and counted. ``known_patterns``: fields and the regular expression that their whole text must match; other
    texts are counted, for the statements make NULL of them. ``main``: the table named in dead letters of this
    kind. ``chunk_bytes``: payload bytes parsed at once, whole pages at least; ``whole``: a unit's pages are
    never parsed apart. ``version``: raised when its statements make other rows of the same payload; kinds that
    make rows of one table have the same. ``owner``: SQL of the instrument of a parsed row, for kinds whose rows are
    asked for by instrument: a row of another one than was asked for is not to be believed.
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
