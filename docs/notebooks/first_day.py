"""A first day on the published file: `marimo edit docs/notebooks/first_day.py`.

ECHELON_PUBLISHED names the file; by default it is the one that `make demo` leaves. `make notebooks` writes the Jupyter
notebook and the pictures of the docs from this file.
"""

import marimo

app = marimo.App(width="medium", app_title="A first day on the published file")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # A first day with the data

    From a question to a chart, with the reader for Python: `docs/python.md` has all of its methods. Prices are dollars
    per share of the first outcome of a market, times are UTC. The data of these pictures is the demo's: it is made up,
    and the same on every machine.
    """)
    return


@app.cell
def _():
    import os

    import matplotlib.pyplot as plt
    import polars as pl

    import echelon_pipeline as ep

    wh = ep.open(os.environ.get("ECHELON_PUBLISHED", ".echelon"), floats=True)
    wh.tables()
    return pl, plt, wh


@app.cell
def _(plt):
    # Colours that colour-blind readers can tell apart (Okabe and Ito), and a plain style.
    palette = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
    venue_colours = {"kalshi": "#009E73", "polymarket": "#0072B2"}
    not_seen = {"facecolor": "#DDDDDD", "edgecolor": "#BBBBBB", "hatch": "////", "linewidth": 0}
    plt.rcParams.update(
        {
            "figure.dpi": 80,
            "figure.figsize": (8, 3.8),
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": plt.cycler(color=palette),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.titlesize": 11,
            "grid.color": "#EEEEEE",
            "hatch.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "font.size": 9,
        }
    )

    def hatch(axes, spans, label):
        """Hatches stretches of time; the legend has them once."""
        for place, (begin, end) in enumerate(spans):
            axes.axvspan(begin, end, label=None if place else label, zorder=0, **not_seen)

    return not_seen, venue_colours, hatch


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What will the Fed decide?

    `instruments` finds the markets of a question by words. A question is an event: its markets are the possible
    answers.
    """)
    return


@app.cell
def _(pl, wh):
    found = wh.instruments("fed decision", venue="kalshi", status="active", limit=200)
    asked = found.group_by("event_id").agg(pl.col("volume_24h").sum()).sort("volume_24h", "event_id", descending=True)
    answers = found.filter(pl.col("event_id") == asked["event_id"][0]).sort("latest_price", descending=True)
    answers.select("display_name", "instrument_id", "latest_price", "volume_24h", "ends_at")
    return (answers,)


@app.cell
def _(answers, wh):
    # One price and one volume per market and day, with the source of each; incomplete days say why.
    daily = wh.table("mart.daily", instrument=answers["instrument_id"].to_list())
    daily.select("date", "instrument_id", "close", "price_source", "contracts", "volume_source", "incomplete_reason")
    return (daily,)


@app.cell
def fed_decision(answers, daily, hatch, pl, plt):
    # The chart: a line per answer. Hatched days are not complete, their last point is not final.
    from datetime import datetime, time, timedelta

    question, _, _ = answers["display_name"][0].rpartition(" · ")
    fed_figure, fed_axes = plt.subplots()
    for market, name in answers.select("instrument_id", "display_name").rows():
        line = daily.filter((pl.col("instrument_id") == market) & pl.col("close").is_not_null())
        label = name.rpartition(" · ")[2]
        fed_axes.plot(line["date"], line["close"], marker="o", markersize=4, label=label)
    noon, open_days = timedelta(hours=12), daily.filter(~pl.col("is_complete"))["date"].unique().sort()
    midnights = [datetime.combine(day, time()) for day in open_days]
    hatch(fed_axes, [(midnight - noon, midnight + noon) for midnight in midnights], "not complete")
    fed_axes.set(
        title=f"{question} · closing prices on Kalshi",
        ylabel="USD per share",
        xlim=(
            datetime.combine(daily["date"].min(), time()) - noon,
            datetime.combine(daily["date"].max(), time()) + noon,
        ),
        ylim=(0, None),
    )
    fed_axes.xaxis.set_major_formatter(plt.matplotlib.dates.DateFormatter("%b %d"))
    fed_axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    fed_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What does an order book look like?

    `books` gives a recorded book at any step. The recording of the demo is a minute long; before and after it nothing
    was seen, and the book says so (`state` is `unknown`) instead of repeating its last prices.
    """)
    return


@app.cell
def _(pl, wh):
    recorded = wh.sql("""
        SELECT instrument_id, min(valid_from) AS first_at, max(valid_to) AS last_at
        FROM core.book_snapshots
        WHERE state = 'live' AND length(bid_prices) > 1 AND length(ask_prices) > 1
        GROUP BY instrument_id
        ORDER BY count(DISTINCT (bid, ask)) DESC, instrument_id
        LIMIT 1
    """)
    busiest, first_at, last_at = recorded.row(0)
    margin = pl.duration(seconds=10)
    span = pl.select(since=pl.lit(first_at) - margin, until=pl.lit(last_at) + margin).row(0)
    books = wh.books(busiest, every="500ms", since=span[0], until=span[1])
    books.select("as_of_at", "state", "reason", "bid", "bid_size", "ask", "ask_size", "spread")
    return books, busiest


@app.cell
def order_book(books, busiest, hatch, pl, plt, wh):
    # Levels by price and time: bids are blue, asks orange; darker levels have more contracts.
    name_of_book = wh.table("core.display_names", instrument=busiest)["display_name"][0]
    book_figure, book_axes = plt.subplots(figsize=(8, 4))
    for side, colours in (("bid", "Blues"), ("ask", "Oranges")):
        levels = books.select("as_of_at", f"{side}_prices", f"{side}_sizes").explode(f"{side}_prices", f"{side}_sizes")
        levels = levels.drop_nulls()
        size = levels[f"{side}_sizes"].log1p()
        book_axes.scatter(
            levels["as_of_at"],
            levels[f"{side}_prices"],
            c=size,
            cmap=colours,
            vmin=0.8 * size.min(),
            vmax=1.2 * size.max(),
            marker="s",
            s=12,
            linewidths=0,
        )
        best = {"bid": "-", "ask": "--"}[side]
        book_axes.step(books["as_of_at"], books[side], best, where="post", color="k", lw=1.2, label=f"best {side}")
    half_step = pl.duration(milliseconds=250)
    runs = books.with_columns(run=pl.col("state").eq("unknown").rle_id()).filter(pl.col("state") == "unknown")
    unseen = runs.group_by("run").agg(a=pl.col("as_of_at").min() - half_step, b=pl.col("as_of_at").max() + half_step)
    hatch(book_axes, unseen.sort("a").select("a", "b").rows(), "nothing seen")
    book_axes.set(
        title=name_of_book,
        ylabel="USD per share",
        xlabel="UTC (darker levels have more contracts)",
        xlim=(books["as_of_at"].min(), books["as_of_at"].max()),
    )
    book_axes.xaxis.set_major_formatter(plt.matplotlib.dates.DateFormatter("%H:%M:%S"))
    book_axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    book_figure
    return


@app.cell
def ladder(books, busiest, pl, plt, wh):
    # The same book in the middle of the recording, as sums of contracts up to a price.
    middle = books.filter(pl.col("state") != "unknown")["as_of_at"]
    book = wh.book(busiest, middle[len(middle) // 2])
    ladder_figure, ladder_axes = plt.subplots(figsize=(8, 3.2))
    for one_side, colour in (("bid", "#0072B2"), ("ask", "#D55E00")):
        rows = [r for r in book.levels() if r["side"] == one_side]
        prices, totals = [float(r["price"]) for r in rows], [float(r["total_size"]) for r in rows]
        ladder_axes.step(prices, totals, where="post", color=colour)
        ladder_axes.fill_between(prices, totals, step="post", color=colour, alpha=0.2, label=f"{one_side}s")
    ladder_axes.set(
        title=f"Depth at {book.as_of_at:%H:%M:%S}, spread {float(book.spread):.3f} USD",
        xlabel="USD per share",
        ylabel="contracts up to this price",
        ylim=(0, None),
    )
    ladder_axes.yaxis.set_major_formatter("{x:,.0f}")
    ladder_axes.legend()
    ladder_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What is traded?

    `mart.daily` has one row per market and day, so its contracts are safe to sum.
    """)
    return


@app.cell
def volume(not_seen, venue_colours, pl, plt, wh):
    # Contracts per venue and day. Hatched bars: the day is not complete on that venue.
    traded = wh.sql("""
        SELECT date, venue, sum(contracts) AS contracts, bool_and(volume_is_complete) AS is_complete
        FROM mart.daily
        GROUP BY ALL
        ORDER BY ALL
    """)
    volume_figure, volume_axes = plt.subplots(figsize=(8, 3.4))
    for shift, (venue, venue_colour) in enumerate(venue_colours.items()):
        of_venue = traded.filter(pl.col("venue") == venue)
        bars = volume_axes.bar(
            [number + 0.4 * shift - 0.2 for number in range(of_venue.height)],
            of_venue["contracts"] / 1_000,
            width=0.38,
            color=venue_colour,
            label=venue,
        )
        for bar, complete in zip(bars, of_venue["is_complete"], strict=True):
            if not complete:
                bar.set(facecolor="white", edgecolor=venue_colour, hatch=not_seen["hatch"], linewidth=1)
    days = traded["date"].unique().sort()
    volume_axes.set_xticks(range(len(days)), [f"{day:%b %d}" for day in days])
    volume_axes.set(title="Traded contracts per day (hatched: not complete)", ylabel="thousand contracts")
    volume_axes.grid(axis="x", visible=False)
    volume_axes.legend()
    volume_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Are prices right?

    Of the outcomes that cost 30 cents a day before they were known, about 30 % should happen: points on the diagonal.
    Bars are the interval of 95 % of resampled sets of events; with few events they are wide.
    """)
    return


@app.cell
def calibration(venue_colours, pl, plt, wh):
    curve = wh.table("mart.calibration_curve", horizon="1d").filter(pl.col("n_instruments") > 0)
    curve_figure, curve_axes = plt.subplots(figsize=(4.6, 4.4))
    curve_axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    for place, place_colour in venue_colours.items():
        points = curve.filter(pl.col("venue") == place).with_columns(
            low=(pl.col("mean_outcome") - pl.col("outcome_low").fill_null(pl.col("mean_outcome"))).clip(0),
            high=(pl.col("outcome_high").fill_null(pl.col("mean_outcome")) - pl.col("mean_outcome")).clip(0),
        )
        curve_axes.errorbar(
            points["mean_price"],
            points["mean_outcome"],
            [points["low"], points["high"]],
            fmt="o",
            color=place_colour,
            capsize=2,
            linewidth=1,
            label=place,
        )
    curve_axes.set(
        title="Calibration, one day before",
        xlabel="price, USD",
        ylabel="paid out, USD",
        xlim=(0, 1),
        ylim=(-0.02, 1.02),
    )
    curve_axes.legend(loc="lower right")
    curve_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## What is not complete?

    `coverage` says which days of a table were read to the end, and why not. A computed table has the days of its
    inputs.
    """)
    return


@app.cell
def _(pl, wh):
    wh.coverage("mart.daily").filter(~pl.col("is_complete")).select(
        "venue", "table_name", "date", "complete_minutes", "missing_minutes", "reasons"
    )
    return


if __name__ == "__main__":
    app.run()
