"""``echelon doctor``: the report of ``ops/doctor.py``, one line per finding.

Belongs here: how findings are printed. The checks are in ``ops/doctor.py``.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from echelon_pipeline.commands.common import EXIT_PERMANENT, out

STYLES = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Skip the checks that need the venues.")] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also read every data file and check the checksums of files and raw payloads."),
    ] = False,
) -> None:
    """Check settings, packages, disk, lake, publication, venues and clocks, and give advice."""
    from echelon_pipeline.ops.doctor import examine, worst
    from echelon_pipeline.ops.venue_probes import Level

    console = out()
    findings = []
    for finding in examine(offline=offline, deep=deep):
        findings.append(finding)
        line = Text.assemble((f"{finding.level:<5}", STYLES[finding.level]), f"{finding.what}: {finding.text}")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"     → {finding.advice}"), soft_wrap=True)
    if worst(findings) is Level.FAIL:
        raise typer.Exit(EXIT_PERMANENT)
