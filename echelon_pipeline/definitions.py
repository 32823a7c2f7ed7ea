"""What Dagster loads: the definitions of the home that the environment names.

Belongs here: reading the settings, once. Steps read them again, when the home may have recorded its own.
"""

from __future__ import annotations

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import load_settings

defs = build_defs(load_settings(), warehouse=Warehouse())
