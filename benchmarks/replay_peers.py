"""Frames to exact books and rows of the best 25 levels: compiled replay, machine, nautilus_trader and cryptofeed.

Invented frames of Polymarket's market channel (50 markets, two tokens each, a change in both per frame). Peers sample
their best 25 levels of each changed token every 100 ms of feed time; ours give a row for every change. Peers are in an
environment of their own, whose Python is the argument: nautilus_trader[polymarket] 1.221.0, cryptofeed 2.4.1. Glue for
cryptofeed, which knows no such feed, is ours. All must end with the same best bid and ask of every token. Seconds are
of processor time, decoding included. Peers check no numbers, losses or hashes; these frames give ours none to check.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.common import isolated, report
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts
from echelon_pipeline.streams.chains import BATCH_FRAMES
from echelon_pipeline.streams.replayer import ByMachine, Replayer, replayer
from echelon_pipeline.streams.segments import batch_of

MARKETS, PER_FRAME = 50, 2_635  # microseconds between frames
PEER = Path(__file__).with_name("replay_peer.py")


def token(market: int, outcome: int) -> str:
    return f"{market * 2 + outcome + 1}{'7' * 74}"


def condition(market: int) -> str:
    return f"0x{market:064x}"


def frames(count: int) -> list[tuple[int, bytes]]:
    """300 whole books, then changes; a change's hash is well formed and never right: none can be checked."""
    draw = random.Random(1)
    weights = [draw.paretovariate(0.8) for _ in range(MARKETS)]
    mids = [draw.randint(200, 800) for _ in range(MARKETS)]
    sides: list[tuple[dict[int, int], dict[int, int]]] = [
        ({m - k: draw.randint(1, 5000) for k in range(1, 34)}, {m + k: draw.randint(1, 5000) for k in range(1, 34)})
        for m in mids
    ]
    made, at = [], 1_763_640_000_000_000
    for n in range(300):
        at += PER_FRAME
        made.append((at, _book(n % MARKETS, n // MARKETS % 2, sides[n % MARKETS], at)))
    for n in range(count):
        at += PER_FRAME
        [market] = draw.choices(range(MARKETS), weights)
        made.append((at, _change(draw, market, mids[market], sides[market], at, n)))
    return made


def _said(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _levels(side: dict[int, int]) -> list[dict[str, str]]:
    return [{"price": f"{p / 1000:g}", "size": str(s)} for p, s in sorted(side.items())]


def _book(market: int, outcome: int, sides: tuple[dict[int, int], dict[int, int]], at: int) -> bytes:
    bids, asks = sides
    if outcome:
        bids, asks = ({1000 - p: s for p, s in side.items()} for side in (asks, bids))
    head = {"event_type": "book", "asset_id": token(market, outcome), "market": condition(market)}
    rest = {"bids": _levels(bids), "asks": _levels(asks), "timestamp": str(at // 1000), "hash": "0" * 40}
    return _said({**head, **rest})


def _change(draw: random.Random, market: int, mid: int, sides: Any, at: int, n: int) -> bytes:
    ask, away = draw.randint(0, 1), draw.randint(1, 40)
    price, side = mid + (away if ask else -away), sides[ask]
    size = 0 if price in side and draw.random() < 0.25 else draw.randint(1, 5000)
    if size:
        side[price] = size
    else:
        side.pop(price, None)
    told = {"size": str(size), "hash": f"{n:040x}", "best_bid": "0.5", "best_ask": "0.6"}
    changes = [
        {"asset_id": token(market, o), "price": f"{(1000 - price if o else price) / 1000:g}", **told}
        | {"side": "SELL" if ask != o else "BUY"}
        for o in (0, 1)
    ]
    head = {"market": condition(market), "price_changes": changes, "timestamp": str(at // 1000)}
    return _said({**head, "event_type": "price_change"})


def instruments(facts: bool) -> list[Instrument]:
    """With the facts of hashes every hash is computed, until three misses tell that they are wrong."""
    return [
        Instrument(
            f"polymarket:{condition(m)}",
            (token(m, 0), token(m, 1)),
            facts=Facts(condition(m), "5", "0.001", neg_risk=False) if facts else Facts(),
        )
        for m in range(MARKETS)
    ]


def ours(made: list[tuple[int, bytes]], compiled: bool) -> tuple[float, int, dict[str, list[str | None]]]:
    """Seconds, rows, best prices at the end. What is compiled is compiled, or loaded, before."""
    watched = instruments(facts=False)
    batches = [
        batch_of(*map(list, zip(*made[at : at + BATCH_FRAMES], strict=True)))
        for at in range(0, len(made), BATCH_FRAMES)
    ]
    followed(_replay(watched, compiled), watched, [batches[0].slice(0, 400)])
    replay, begun = _replay(watched, compiled), time.process_time()
    rows, last = followed(replay, watched, batches)
    return time.process_time() - begun, rows, last


def _replay(watched: list[Instrument], compiled: bool) -> Replayer:
    return replayer("polymarket", watched) if compiled else ByMachine("polymarket")


def followed(
    replay: Replayer, watched: list[Instrument], batches: list[pa.RecordBatch]
) -> tuple[int, dict[str, list[str | None]]]:
    rows, last, number = 0, dict[str, Any](), 0
    for one in watched:
        replay.watch(one, 1)
    for batch in batches:
        replay.feed("a", number, batch)
        number += batch.num_rows
        taken = replay.take().rows
        rows += taken.num_rows
    ends = replay.finish(replay.now + 60_000).rows.to_pylist()
    for row in ends:
        last[row["instrument_id"]] = row
    best: dict[str, list[str | None]] = {}
    for one in watched:
        row = last[one.instrument_id]
        bid, ask = (row[f"{side}_prices"][0] if row[f"{side}_prices"] else None for side in ("bid", "ask"))
        best[one.tokens[0]] = [_text(bid), _text(ask)]
        best[one.tokens[1]] = [_text(ask and 1_000_000 - ask), _text(bid and 1_000_000 - bid)]
    return rows + len(ends), best


def _text(price: int | None) -> str | None:
    return None if price is None else f"{price // 1000}"


def peer(python: str, name: str, path: Path) -> dict[str, Any]:
    """What a peer says of the same file."""
    done = subprocess.run([python, str(PEER), name, str(path)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(python: str, count: int = 200_000) -> None:
    made = frames(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.jsonl")
        path.write_bytes(b"".join(payload + b"\n" for _, payload in made))
        runs: dict[str, list[float]] = {
            name: [] for name in ("compiled", "by_machine", "nautilus_trader", "cryptofeed")
        }
        ends, rows = [], Counter[str]()
        for _ in range(3):  # in turns: what else the machine does is shared out
            for name in runs:
                if name in ("compiled", "by_machine"):
                    seconds, rows[name], best = isolated(ours, made, name == "compiled").value
                else:
                    told = peer(python, name, path)
                    seconds, rows[name], best = told["seconds"], told["rows"], told["best"]
                runs[name].append(seconds)
                ends.append(best)
    if any(best != ends[0] for best in ends):
        raise RuntimeError("final books differ")
    speeds = {name: len(made) / sorted(seconds)[1] for name, seconds in runs.items()}
    ratio = speeds["compiled"] / max(speeds["nautilus_trader"], speeds["cryptofeed"])
    report("replay_peers", frames=len(made), **speeds, rows=dict(rows), of_the_best_peer=ratio, ok=ratio >= 4.5)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("replay_peers: not run, it wants the Python of the peers' environment (see its docstring)")
        sys.exit()
    main(sys.argv[1], *(int(a) for a in sys.argv[2:]))
