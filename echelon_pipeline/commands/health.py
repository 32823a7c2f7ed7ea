"""``echelon doctor``: the report of ``ops/doctor.py``, one line per finding, or one JSON document.

Belongs here: how findings are printed. The checks are in ``ops/doctor.py``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from echelon_pipeline import __version__
from echelon_pipeline.commands.common import EXIT_PERMANENT, out

if TYPE_CHECKING:
    from echelon_pipeline.ops.venue_probes import Finding

STYLES = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Skip the checks that need the venues.")] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also read every data file and check the checksums of files and raw payloads."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for monitoring.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
) -> None:
    """Check settings, packages, disk, lake, age of data, runs, daemon, venues and clocks, and give advice.

    Exit codes: 0 without a FAIL, 1 with one. A WARN alone does not change the exit code, unless --strict is given.
    """
    from echelon_pipeline.ops.doctor import examine, worst
    from echelon_pipeline.ops.venue_probes import Level

    findings = []
    for finding in examine(offline=offline, deep=deep):
        findings.append(finding)
        if not as_json:
            _print(finding)
    level = worst(findings)
    if as_json:
        report = {
            "version": __version__,
            "at": datetime.now(UTC).isoformat(),
            "level": level,
            "findings": [asdict(finding) for finding in findings],
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    if level is Level.FAIL or (strict and level is Level.WARN):
        raise typer.Exit(EXIT_PERMANENT)


def _print(finding: Finding) -> None:
    console = out()
    line = Text.assemble((f"{finding.level:<5}", STYLES[finding.level]), f"{finding.what}: {finding.text}")
    console.print(line, soft_wrap=True)
    if finding.advice:
        console.print(Text(f"     → {finding.advice}"), soft_wrap=True)
