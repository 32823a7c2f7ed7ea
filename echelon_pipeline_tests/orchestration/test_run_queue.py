"""One limit counts all runs that are not shifts of listeners, wherever they were started."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from echelon_pipeline.ops.dagster_home import LISTEN_JOB, WORK
from echelon_pipeline.ops.run_queue import RunQueue
from echelon_pipeline_tests.orchestration.conftest import Opened


@dg.asset
def table() -> None:
    """Some asset."""


@dg.job(name=LISTEN_JOB)
def shift() -> None:
    """A job with the name of that of shifts."""


# The code location that a queued run must name.
CODE = RepositoryPythonOrigin("python", ModuleCodePointer("echelon_pipeline.definitions", "defs", None))
LOCATION = ManagedGrpcPythonEnvCodeLocationOrigin(
    LoadableTargetOrigin(module_name="echelon_pipeline.definitions"), "echelon_pipeline"
)
REPOSITORY = RemoteRepositoryOrigin(LOCATION, "__repository__")

# The job of runs that are started from the asset graph.
AD_HOC = dg.Definitions(assets=[table]).resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize(("job", "counts"), [(AD_HOC, True), (shift, False)], ids=["ad hoc", "shift"])
def test_every_queued_run_except_shifts_counts_as_work(
    opened: Opened, tmp_path: Path, job: dg.JobDefinition, counts: bool
) -> None:
    with opened(tmp_path / "dagster") as instance:
        run = instance.create_run_for_job(
            job,
            status=dg.DagsterRunStatus.NOT_STARTED,
            remote_job_origin=RemoteJobOrigin(REPOSITORY, job.name),
            job_code_origin=JobPythonOrigin(job.name, CODE),
        )
        workspace: BaseWorkspaceRequestContext = Mock()  # the queue only passes it on
        instance.run_coordinator.submit_run(SubmitRunContext(run, workspace))
        queued = instance.get_run_by_id(run.run_id)
    assert queued is not None
    assert queued.status is dg.DagsterRunStatus.QUEUED
    assert (WORK.items() <= queued.tags.items()) is counts


def test_the_limits_of_the_file_are_those_of_the_queue(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_coordinator, RunQueue)
    limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None
    assert limits.max_concurrent_runs == 12
    assert {"key": "echelon/kind", "value": "work", "limit": 4} in limits.tag_concurrency_limits
