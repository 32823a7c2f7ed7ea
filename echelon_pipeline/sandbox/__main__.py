"""``python -m echelon_pipeline.sandbox``: serves a universe until interrupted.

Belongs here: reading arguments only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import READY
from echelon_pipeline.sandbox.server.run import run

_SIZES = {
    "events": "events of both venues",
    "instruments": "instruments of both venues",
    "days": "days of trades and prices before the start",
    "trades": "trades of both venues",
    "seed": "the same seed gives the same universe and the same faults",
    "horizon_days": "days that the clock may be advanced",
    "behind": "seconds before --now at which the clock of a generated universe starts",
    "book_ms": "milliseconds between two steps of the fastest books; divides a minute",
}


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse(arguments: Sequence[str]) -> SandboxOptions:
    """Options from command-line arguments."""
    default = SandboxOptions()
    parser = argparse.ArgumentParser(prog="echelon sandbox", description="Both venues on loopback.")
    add = parser.add_argument
    kinds = ("synthetic", "recorded")
    add("--universe", choices=kinds, default=default.universe, help="generated, or from --recordings")
    add("--recordings", type=Path, help="folder of payloads of the recorded universe")
    add("--host", default=default.host, help="address to listen on")
    add("--port", type=int, default=default.port, help="0 selects a free port")
    for name, text in _SIZES.items():
        add(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name), help=text)
    add("--now", type=_time, help="ISO 8601; the clock is frozen there unless advanced")
    add("--speed", type=float, default=0.0, help="sandbox seconds per second; 0: frozen")
    add("--limits", choices=("real", "off"), default=default.limits, help="documented request limits, or none")
    fault = "inject a fault at this rate; may be repeated (names: docs/sandbox.md)"
    add("--fault", dest="faults", action="append", default=[], metavar="NAME=RATE", help=fault)
    add("--kalshi-key", type=Path, help="PEM file of the key for Kalshi's signed handshakes")
    add("--capture", type=Path, help="recorded WebSocket stream to play (file or folder)")
    numbers = ("renumbered", "recorded")
    add("--capture-numbers", choices=numbers, default=default.capture_numbers, help="sequence numbers of --capture")
    given = vars(parser.parse_args(arguments))
    return SandboxOptions(**(given | {"faults": tuple(given["faults"])}))


def main() -> int:
    """Returns the exit code: 0 after SIGINT, SIGTERM or SIGHUP, 1 if the options are invalid."""
    options = parse(sys.argv[1:])

    def announce(port: int) -> None:
        sys.stdout.write(f"{READY}http://{options.host}:{port}\n")
        sys.stdout.flush()

    try:
        run(options, announce=announce)
    except EchelonError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
