"""Plots in the metadata of assets.

Belongs here: the query of each plot and how it is drawn. Floats are used for drawing only. Plots are PNG in a data URL,
which the UI shows without serving a file.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import dagster as dg

from echelon_pipeline.lake.session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[tuple[Any, ...]]

# Closes of the instruments with the most fresh days: their lines are the longest.
_TRENDS = """
    WITH chosen AS (
        SELECT instrument_id, price_source
        FROM ({scan}) WHERE is_fresh
        GROUP BY ALL
        ORDER BY count(*) DESC, max(volatility_long) DESC NULLS LAST, instrument_id, price_source LIMIT 5
    )
    SELECT instrument_id || ' (' || price_source || ')', date, close::DOUBLE
    FROM ({scan}) SEMI JOIN chosen USING (instrument_id, price_source)
    WHERE is_fresh ORDER BY 1, 2
"""
_CURVE = """
    SELECT venue || ' ' || horizon, mean_price::DOUBLE, mean_outcome::DOUBLE
    FROM ({scan}) WHERE n_instruments > 0 AND horizon IN ('1d', '7d') ORDER BY 1, 2
"""
_BUILDER = """
    SELECT coalesce(builder_code[:10], 'all codes'), range_start, volume_usd::DOUBLE
    FROM ({scan})
    WHERE range = 'day' AND builder_scope = 'configured' AND volume_usd IS NOT NULL ORDER BY 1, 2
"""


def _lines(axes: Axes, rows: Rows) -> None:
    for name in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == name]
        axes.plot([row[1] for row in own], [row[2] for row in own], marker=".", label=str(name)[:40])
    axes.legend(fontsize=7)


def _trends(axes: Axes, rows: Rows) -> None:
    _lines(axes, rows)
    axes.set(ylabel="close of outcome 0, USD", ylim=(0, 1))


def _curve(axes: Axes, rows: Rows) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    _lines(axes, rows)
    axes.set(xlabel="mean price, USD", ylabel="mean payout, USD", xlim=(0, 1), ylim=(0, 1))


def _builder(axes: Axes, rows: Rows) -> None:
    _lines(axes, rows)
    axes.set(ylabel="volume per day, USD", ylim=(0, None))


PLOTS: dict[str, tuple[str, Callable[[Axes, Rows], None]]] = {
    "mart.price_trends": (_TRENDS, _trends),
    "mart.calibration_curve": (_CURVE, _curve),
    "mart.builder_volume": (_BUILDER, _builder),
}


def plot_of(session: Session, table: str) -> dict[str, Any]:
    """Metadata with the table's plot; empty if the table has no plot, or no rows to draw."""
    if table not in PLOTS:
        return {}
    if find_spec("matplotlib") is None or find_spec("PIL") is None:
        return {"plot": "not drawn: pip install 'echelon-pipeline[plots]'"}
    query, draw = PLOTS[table]
    with session.duck() as connection:
        rows = connection.execute(query.format(scan=session.lake.scan(table))).fetchall()
    return {"plot": dg.MetadataValue.md(f"![{table}](data:image/png;base64,{_png(draw, rows)})")} if rows else {}


def _png(draw: Callable[[Axes, Rows], None], rows: Rows) -> str:
    # Imported here: it takes a second, which every process that loads the definitions would wait for.
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(6, 3.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    draw(axes, rows)
    axes.tick_params(labelsize=7)
    for label in axes.get_xticklabels():
        label.set_rotation(20)
    drawn, target = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    # Dagster stores metadata several times and never deletes it: 16 colors take a quarter of the bytes.
    Image.open(drawn).convert("RGB").quantize(16).save(target, "png", optimize=True)
    return base64.b64encode(target.getvalue()).decode()
