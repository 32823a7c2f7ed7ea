"""Results as polars, pandas or Arrow, with exact decimals or with floats.

Belongs here: converting one Arrow table. DuckDB gives Arrow without a copy of its own types, and each library reads it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from echelon_pipeline.errors import BadQuery, BadSettings

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Kind = Literal["polars", "pandas", "arrow"]
KINDS: tuple[Kind, ...] = ("polars", "pandas", "arrow")
Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Output(Generic[Frame]):
    """The kind of a reader's results, and whether decimals become floats."""

    kind: Kind
    floats: bool = False

    def frame(self, table: pa.Table, *, floats: bool | None = None) -> Frame:
        """The result of a statement in this kind. Raises BadQuery if two columns have one name."""
        twice = [name for name, count in Counter(table.column_names).items() if count > 1]
        if twice:
            raise BadQuery(f"two columns are named {twice[0]}: give one of them another name (AS …)")
        as_floats = self.floats if floats is None else floats
        made: Any = _CONVERTERS[self.kind](with_floats(table) if as_floats else table, as_floats)
        return made  # type: ignore[no-any-return]


def checked_kind(kind: str) -> Kind:
    """A kind of results. Raises BadQuery for another word, BadSettings if its library is not installed."""
    if kind not in KINDS:
        raise BadQuery(f"to={kind!r} is not a kind of results: expected {', '.join(KINDS)}")
    if kind == "pandas":
        try:
            import pandas as pd  # noqa: F401
        except ModuleNotFoundError as error:
            raise BadSettings(
                "pandas is not installed: pip install 'echelon-pipeline[pandas]', or use polars or Arrow"
            ) from error
    return kind


def dicts(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as Python values, made by polars: for times, DuckDB needs pytz, and Arrow imports pandas."""
    return _polars(table, False).to_dicts()


def with_floats(table: pa.Table) -> pa.Table:
    """The table with every decimal as the nearest float, also inside lists. Arrow's own cast is not always nearest."""
    import polars as pl

    for index, field in enumerate(table.schema):
        kind = _float_type(field.type)
        if kind is not None:
            column = pl.Series(table.column(index)).cast(kind).to_arrow()
            table = table.set_column(index, field.name, column)
    return table


def _float_type(kind: pa.DataType) -> pl.DataType | None:
    """The polars type with floats; None if there is no decimal."""
    import polars as pl
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return pl.Float64()
    if pa.types.is_list(kind):
        inner = _float_type(kind.value_type)
        return None if inner is None else pl.List(inner)
    return None


def _polars(table: pa.Table, _floats: bool) -> pl.DataFrame:
    import polars as pl

    try:
        frame = pl.from_arrow(table)
    except pl.exceptions.ComputeError as error:
        kinds = ", ".join(f"{f.name} {f.type}" for f in table.schema)
        raise BadQuery(f"polars has no type for a column ({kinds}): cast it in SQL, or use Arrow") from error
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a DataFrame from an Arrow table, got {type(frame).__name__}")
    return frame


def _pandas(table: pa.Table, floats: bool) -> pd.DataFrame:
    """With floats, NumPy's types, as pandas has them by default; otherwise Arrow's types, which are exact."""
    import pandas as pd

    return table.to_pandas() if floats else table.to_pandas(types_mapper=pd.ArrowDtype)


def _arrow(table: pa.Table, _floats: bool) -> pa.Table:
    return table


_CONVERTERS = {"polars": _polars, "pandas": _pandas, "arrow": _arrow}
