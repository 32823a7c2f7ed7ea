"""The definitions, built once in each test process.

Belongs here: definitions of default settings, and their jobs on a home of a test's own.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache

import dagster as dg

from echelon_pipeline.defs.build import build_defs
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.settings import Settings, load_settings


@cache
def defs() -> dg.Definitions:
    """The definitions of default settings, with partitions since 2024: tests run days of their own worlds."""
    empty = tempfile.mkdtemp(prefix="echelon-no-home-")  # the checkout's own home may hold a demo with a frozen clock
    atexit.register(shutil.rmtree, empty, ignore_errors=True)
    return build_defs(load_settings({"ECHELON_HOME": empty, "ECHELON_START_DATE": "2024-01-01"}))


def job_of(name: str, settings: Settings) -> dg.JobDefinition:
    """A job that works on the home of these settings."""
    return on_home(defs().resolve_job_def(name), settings)


def on_home(job: dg.JobDefinition, settings: Settings) -> dg.JobDefinition:
    """A whole job with another home than the one that it was built for."""
    warehouse = dg.ResourceDefinition.hardcoded_resource(Warehouse(settings))
    return job.with_top_level_resources({**job.resource_defs, "warehouse": warehouse})
