"""Drives the schedules through simulated time: every tick is evaluated and everything it asks for is run.

Belongs here: what the simulated days and the simulated week share. The sandbox's clock and the pipeline's move
together; runs happen one after the other in this process.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.loaded import defs, on_home


def due(cron: str, at: datetime) -> bool:
    """Whether a cron line of minutes and hours (``*``, ``*/n``, ``a-b``, lists) fires at a minute."""
    minute, hour, *rest = cron.split()
    if rest != ["*", "*", "*"]:
        raise ValueError(f"{cron!r}: only minutes and hours are understood here")
    return _matches(minute, at.minute) and _matches(hour, at.hour)


def _matches(field_text: str, value: int) -> bool:
    for part in field_text.split(","):
        if part.startswith("*"):
            if value % int(part[2:] or 1) == 0:
                return True
        elif "-" in part:
            low, high = part.split("-")
            if int(low) <= value <= int(high):
                return True
        elif int(part) == value:
            return True
    return False


@dataclass
class Driver:
    """``ran``: runs per job; ``built``: how often each part of each mart was built."""

    sandbox: SandboxProcess
    env: Mapping[str, str]
    instance: dg.DagsterInstance
    ran: Counter[str] = field(default_factory=Counter)
    built: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def settings(self) -> Settings:
        """Settings at the sandbox's present time."""
        return load_settings({**self.sandbox.env(), **self.env})

    def until(self, end: datetime) -> None:
        """Goes on minute by minute; ticks of one minute run in the order of the schedules' names."""
        repository = defs().get_repository_def()
        schedules = sorted(repository.schedule_defs, key=lambda s: s.name)
        at = self.settings.clock() + timedelta(minutes=1)
        while at <= end:
            ready = [s for s in schedules if due(str(s.cron_schedule), at)]
            if ready:
                self.sandbox.advance(at - self.settings.clock())
            for schedule in ready:
                self._tick(repository, schedule, at)
            at += timedelta(minutes=1)

    def _tick(self, repository: dg.RepositoryDefinition, schedule: dg.ScheduleDefinition, at: datetime) -> None:
        context = dg.build_schedule_context(
            self.instance,
            scheduled_execution_time=at,
            repository_def=repository,
            resources={"warehouse": Warehouse(self.settings)},
        )
        requests = schedule.evaluate_tick(context).run_requests or []
        for request in requests:
            job = repository.get_job(request.job_name or schedule.job_name)
            self.run(job, request.run_config, dict(request.tags), request.partition_key)

    def run(self, job: dg.JobDefinition, config: Any = None, tags: Any = None, partition: str | None = None) -> None:
        """Runs a job now; AssertionError where it fails."""
        with quiet():
            result = on_home(job, self.settings).execute_in_process(
                instance=self.instance, run_config=config, tags=tags, partition_key=partition
            )
        assert result.success, job.name
        self.ran[job.name] += 1
        for event in result.all_events:
            key = event.asset_key if event.is_step_materialization else None
            if key is not None and event.partition is not None and key.path[0] == "mart":
                self.built[".".join(key.path), event.partition] += 1


@contextmanager
def quiet() -> Iterator[None]:
    """Dagster's lines per step, some 40 a run, are left out."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
