"""A first day on the published file: `marimo edit docs/notebooks/first_day.py`.

ECHELON_PUBLISHED names the file; by default it is the one that `make demo` leaves.
"""

import marimo

app = marimo.App(width="medium", app_title="A first day on the published file")


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo
    import matplotlib.pyplot as plt

    path = os.environ.get("ECHELON_PUBLISHED", ".echelon/echelon.duckdb")
    connection = duckdb.connect(path, read_only=True)
    mo.md(f"# A first day on `{path}`")
    return connection, mo, plt


@app.cell
def _(connection):
    # All tables of this file are from one set of table versions.
    publication = connection.sql("SELECT table_name, rows, is_view, built_at FROM meta.publication ORDER BY rows DESC")
    publication.pl()
    return


@app.cell
def _(connection):
    # The overview: one row per instrument.
    overview = connection.sql("""
        SELECT
            display_name, venue, category, status, latest_price, price_source, change_1d, volume_24h, spread,
            quality_flags
        FROM mart.market_overview
        ORDER BY volume_24h DESC NULLS LAST, instrument_id
        LIMIT 20
    """)
    overview.pl()
    return


@app.cell
def _(connection, plt):
    # Traded volume: contracts per category and day, both venues together.
    volume = connection.sql("""
        SELECT category, date, sum(contracts)::DOUBLE AS contracts
        FROM mart.category_volume
        GROUP BY ALL
        ORDER BY category, date
    """).fetchall()
    volume_figure, volume_axes = plt.subplots(figsize=(8, 3.5))
    for name in sorted({row[0] for row in volume}):
        own = [row for row in volume if row[0] == name]
        volume_axes.plot([row[1] for row in own], [row[2] for row in own], marker=".", label=name)
    volume_axes.set(ylabel="contracts per day")
    volume_axes.tick_params(axis="x", rotation=30)
    volume_axes.legend(fontsize=7, ncols=2)
    volume_figure
    return


@app.cell
def _(connection, plt):
    # One instrument with its price sources next to each other: they are never mixed.
    trend = connection.sql("""
        SELECT price_source, date, close::DOUBLE
        FROM mart.price_trends
        WHERE instrument_id = (
            SELECT instrument_id FROM mart.market_overview ORDER BY volume_7d DESC NULLS LAST, instrument_id LIMIT 1
        ) AND is_fresh
        ORDER BY ALL
    """).fetchall()
    trend_figure, trend_axes = plt.subplots(figsize=(8, 3))
    for source in sorted({row[0] for row in trend}):
        points = [row for row in trend if row[0] == source]
        trend_axes.plot([row[1] for row in points], [row[2] for row in points], marker=".", label=source)
    trend_axes.set(ylabel="close of outcome 0, USD", ylim=(0, 1))
    trend_axes.tick_params(axis="x", rotation=30)
    trend_axes.legend(fontsize=7)
    trend_figure
    return


@app.cell
def _(connection, plt):
    # Calibration: points on the diagonal are calibrated; bars: the interval of 95 % of resampled sets of events.
    curve = connection.sql("""
        SELECT
            venue, mean_price, mean_outcome, coalesce(outcome_low, mean_outcome), coalesce(outcome_high, mean_outcome)
        FROM mart.calibration_curve
        WHERE horizon = '1d' AND n_instruments > 0
        ORDER BY ALL
    """).fetchall()
    curve_figure, curve_axes = plt.subplots(figsize=(4.5, 4.5))
    curve_axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    for venue in sorted({row[0] for row in curve}):
        rows = [row for row in curve if row[0] == venue]
        low = [max(0.0, row[2] - row[3]) for row in rows]
        high = [max(0.0, row[4] - row[2]) for row in rows]
        curve_axes.errorbar([r[1] for r in rows], [r[2] for r in rows], [low, high], fmt="o", capsize=2, label=venue)
    curve_axes.set(xlabel="price a day before, USD", ylabel="paid out, USD", xlim=(0, 1), ylim=(0, 1))
    curve_axes.legend(fontsize=8)
    curve_figure
    return


@app.cell
def _(connection):
    # Data that is not complete.
    trust = connection.sql("""
        SELECT venue, table_name, state, count(*) AS days, sum(rows) AS rows
        FROM mart.data_quality
        GROUP BY ALL
        ORDER BY ALL
    """)
    trust.pl()
    return


if __name__ == "__main__":
    app.run()
