"""What Dagster loads: the definitions of the home that the environment names.

Belongs here: reading the settings, once. Steps read them again, when the home may have recorded its own.
"""

from __future__ import annotations

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.hosting.json_lines import reformat
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import load_settings

settings = load_settings()
if settings.log_format == "json":
    reformat("", "dagster")  # Dagster starts code servers with a text format
defs = build_defs(settings, warehouse=Warehouse())
