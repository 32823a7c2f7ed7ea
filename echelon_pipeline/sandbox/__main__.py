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


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse(arguments: Sequence[str]) -> SandboxOptions:
    """Options from command-line arguments."""
    default = SandboxOptions()
    parser = argparse.ArgumentParser(prog="echelon sandbox", description="Both venues on loopback.")
    parser.add_argument("--universe", choices=("synthetic", "recorded"), default=default.universe)
    parser.add_argument("--recordings", type=Path, help="folder of payloads of the recorded universe")
    parser.add_argument("--host", default=default.host)
    parser.add_argument("--port", type=int, default=default.port, help="0 selects a free port")
    for name in ("events", "instruments", "days", "trades", "seed", "horizon_days", "book_ms"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name))
    parser.add_argument("--now", type=_time, help="ISO 8601; the clock is frozen there unless advanced")
    parser.add_argument("--speed", type=float, default=0.0, help="sandbox seconds per second; 0: frozen")
    parser.add_argument("--limits", choices=("real", "off"), default=default.limits)
    parser.add_argument("--fault", dest="faults", action="append", default=[], metavar="NAME=RATE")
    parser.add_argument("--kalshi-key", type=Path, help="PEM file of the key for Kalshi's signed handshakes")
    parser.add_argument("--capture", type=Path, help="recorded WebSocket stream to play (file or folder)")
    parser.add_argument("--capture-numbers", choices=("renumbered", "recorded"), default=default.capture_numbers)
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
