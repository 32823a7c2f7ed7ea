"""Values as a person reads them: decimals without trailing zeros, UTC times with a Z, short lists.

Belongs here: the text of a cell in a table or record. Other formats are exact: ``render.py``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from echelon_pipeline.commands.render import json_of, text_of

Cell = str | None  # None is NULL

FLOAT_DIGITS = 6
# Elements of a list that a cell of a table shows; records show all of them.
LIST_ITEMS = 5


def is_number(value: object) -> bool:
    """True if a column of such values is aligned right."""
    return isinstance(value, int | float | Decimal | timedelta) and not isinstance(value, bool)


def cells(values: Sequence[object], *, shorten_lists: bool = True) -> list[Cell]:
    """One column's values. All numbers have the digits that the longest one needs, so that their points line up."""
    present = [v for v in values if v is not None]
    digits = max((_digits(v) for v in present if isinstance(v, Decimal | float)), default=0)
    fraction = max((_fraction(v) for v in present if isinstance(v, datetime)), default=0)
    return [None if v is None else _cell(v, digits, fraction, shorten_lists) for v in values]


def _cell(value: object, digits: int, fraction: int, shorten_lists: bool) -> str:
    if isinstance(value, Decimal | float):
        return _number(value, digits)
    if isinstance(value, datetime):
        return _time(value, fraction)
    if isinstance(value, list | tuple):
        return _list(value, shorten_lists)
    if isinstance(value, dict):
        return json.dumps(json_of(value), ensure_ascii=False)
    return text_of(value)


def _digits(value: Decimal | float) -> int:
    """Digits after the point, without trailing zeros; of a float at most six."""
    if not math.isfinite(value):
        return 0
    text = f"{value:f}" if isinstance(value, Decimal) else f"{value:.{FLOAT_DIGITS}f}"
    return len(text.partition(".")[2].rstrip("0"))


def _number(value: Decimal | float, digits: int) -> str:
    if not math.isfinite(value):
        return text_of(value)
    text = f"{value:.{digits}f}"
    if value and not float(text):  # a float that is too small for six digits
        return f"{value:.3g}"
    return text


def _fraction(value: datetime) -> int:
    """Digits of the second's fraction: 0, 3 or 6."""
    return 0 if not value.microsecond else 6 if value.microsecond % 1000 else 3


def _time(value: datetime, fraction: int) -> str:
    text = f"{value:%Y-%m-%d %H:%M:%S}" + (f".{value.microsecond:06d}"[: fraction + 1] if fraction else "")
    if value.tzinfo is None:
        return text
    offset = value.utcoffset()
    return f"{text}Z" if offset == UTC.utcoffset(None) else f"{text}{value:%z}"


def _list(value: Sequence[object], shorten: bool) -> str:
    items = [_item(item) for item in value]
    if shorten and len(items) > LIST_ITEMS + 1:
        items = [*items[:LIST_ITEMS], f"… {len(items)} in all"]
    return f"[{', '.join(items)}]"


def _item(value: object) -> str:
    (text,) = cells([value], shorten_lists=False)
    return "NULL" if text is None else text
