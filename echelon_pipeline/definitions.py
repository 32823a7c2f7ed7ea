"""What Dagster loads: the definitions of the home that the environment names.

Belongs here: reading the settings, once. Steps read them again, when the home may have recorded its own.
"""

from __future__ import annotations

import warnings

import dagster as dg

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.defs.console import console, use_for_runs_of_the_daemon
from echelon_pipeline.hosting.json_lines import reformat
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import load_settings

settings = load_settings()
if settings.log_format == "json":
    reformat("dagster")  # Dagster starts code servers and runs with a text format
    use_for_runs_of_the_daemon(console(as_json=True))
# Dagster builds sensors again when it loads them: their owners are in beta.
warnings.simplefilter("ignore", dg.BetaWarning)
defs = build_defs(settings, warehouse=Warehouse())
