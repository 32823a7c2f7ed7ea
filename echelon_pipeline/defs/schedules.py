"""Schedules of all jobs. One setting starts them (ECHELON_SCHEDULES; off by default).

Instruments: the configured scope every 15 minutes, changes hourly, full reconciliation daily. Days: today
every 15 minutes, yesterday hourly until 06:00 UTC, D-2 and D-7 as daily sweeps that read the day again.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from echelon_pipeline.defs.feeders import keys_of
from echelon_pipeline.defs.jobs import (
    books_job,
    builders_job,
    daily_job,
    health_job,
    instruments_job,
    maintenance_job,
    parlays_job,
    publish_job,
)
from echelon_pipeline.defs.refreshing import refresh
from echelon_pipeline.ops.partition_begin import note_begin
from echelon_pipeline.ops.warehouse import Resource, Warehouse
from echelon_pipeline.streams.hours import HOUR_KEY, present
from echelon_pipeline.streams.intents import intents_of
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline.tables import daily_tables
from echelon_pipeline.venues.registry import venue_names


def schedules(
    status: dg.DefaultScheduleStatus, days: dg.DailyPartitionsDefinition, hours: dg.HourlyPartitionsDefinition
) -> list[dg.ScheduleDefinition]:
    """Every schedule. ``status``: its initial status in the UI. ``days``, ``hours``: the partitions that it may
    request."""

    def plain(
        name: str, job: UnresolvedAssetJobDefinition | dg.JobDefinition, cron: str, about: str
    ) -> dg.ScheduleDefinition:
        return dg.ScheduleDefinition(name=name, job=job, cron_schedule=cron, description=about, default_status=status)

    return [
        _instruments(
            "instruments_scope", "*/15 * * * *", "scope", status, "Every 15 minutes: the instruments in bounds."
        ),
        _instruments("instruments_changes", "5 * * * *", "changes", status, "Hourly: new and closed instruments."),
        _instruments("instruments_full", "20 3 * * *", "full", status, "Daily: all instruments in bounds again."),
        _days(days, "days_today", "*/15 * * * *", (0,), status, "Every 15 minutes: today's trades, prices and fills."),
        _days(days, "days_yesterday", "10 0-6 * * *", (1,), status, "Hourly until 06:00 UTC: completes yesterday."),
        _days(
            days,
            "days_sweeps",
            "40 4 * * *",
            (2, 7),
            status,
            "Daily: requests D-2 and D-7 again, for rows that the venues published late.",
            refetch=True,
        ),
        plain("maintenance_daily", maintenance_job, "50 5 * * *", "Daily: compaction, deletion of unused files."),
        plain("publish", publish_job, "12,27,42,57 * * * *", "Every 15 minutes: publishes changed tables."),
        plain("health_daily", health_job, "30 6 * * *", "Daily: the health report."),
        plain("builders_hourly", builders_job, "25 * * * *", "Hourly: the venue's ranking of builder codes."),
        plain("parlays_hourly", parlays_job, "22 * * * *", "Hourly: a sample of combos with their legs."),
        plain("refresh_hourly", refresh, "33 * * * *", "Hourly: builds marts that are older than their inputs."),
        dg.schedule(
            name="books_recorded",
            job=books_job,
            cron_schedule="*/10 * * * *",
            description="Every 10 minutes: books of hours with recordings that are not in their tables yet.",
            default_status=status,
        )(_books_recorded(hours)),
    ]


def _instruments(
    name: str, cron: str, mode: str, status: dg.DefaultScheduleStatus, about: str
) -> dg.ScheduleDefinition:
    config = {"ops": {f"raw_{venue}_listings": {"config": {"mode": mode}} for venue in venue_names()}}
    return dg.ScheduleDefinition(
        name=name,
        job=instruments_job,
        cron_schedule=cron,
        run_config=config,
        description=about,
        default_status=status,
    )


def _daily_steps() -> list[str]:
    """Steps are named after their assets."""
    return ["_".join(key.path) for table in daily_tables() for key in keys_of(table)]


def _days(
    days: dg.DailyPartitionsDefinition,
    name: str,
    cron: str,
    days_ago: tuple[int, ...],
    status: dg.DefaultScheduleStatus,
    about: str,
    *,
    refetch: bool = False,
) -> dg.ScheduleDefinition:
    config = {"ops": {op: {"config": {"refetch": refetch}} for op in _daily_steps()}}

    def requests(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        """Requests days that are partitions: not those before the home's data, nor those after a frozen clock."""
        now = context.scheduled_execution_time
        for ago in days_ago:
            day = (now - timedelta(days=ago)).date()
            if days.has_partition_key(str(day)):
                key = f"{name}:{now.isoformat()}:{day}"
                yield dg.RunRequest(run_key=key, partition_key=str(day), run_config=config)

    return dg.ScheduleDefinition(
        name=name,
        job=daily_job,
        cron_schedule=cron,
        execution_fn=requests,
        description=about,
        default_status=status,
    )


# Hours per tick: the newest ones, so that current books do not wait, and the oldest of the others. After a long pause
# the next ticks derive the rest.
NEWEST, OLDEST = 4, 8


# A failed hour is retried after this time: a damaged one fails every time and must not take the slots of others.
FAILED_WAIT = timedelta(hours=1)
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_UNDER_WAY = [s for s in dg.DagsterRunStatus if s not in (*_FAILED, dg.DagsterRunStatus.SUCCESS)]


_Requests = Iterator[dg.RunRequest | dg.SkipReason]


def _books_recorded(
    hours: dg.HourlyPartitionsDefinition,
) -> Callable[[dg.ScheduleEvaluationContext, Resource], _Requests]:
    def books_recorded(context: dg.ScheduleEvaluationContext, warehouse: Resource) -> _Requests:
        """Requests runs for hours with segments that are not in their tables yet, including the current hour."""
        return hours_requested(context, warehouse, hours)

    return books_recorded


def hours_requested(
    context: dg.ScheduleEvaluationContext, warehouse: Warehouse, hours: dg.HourlyPartitionsDefinition
) -> _Requests:
    """Leaves out hours whose run has not ended, hours that failed within the last hour, and hours before the first
    partition: they become partitions when the definitions are loaded again."""
    session, now = warehouse.session(), datetime.now(UTC)
    due: dict[datetime, list[str]] = {}
    for venue in venue_names():
        for hour in hours_due(session, venue, intents_of(session, venue), present(session.settings)):
            due.setdefault(hour.starts_at, []).append(hour.digest)
    if due:
        note_begin(session.settings, hour=min(due))
    left_out = _hours_of_runs(context.instance, now) if due else set()
    keys = {h: h.strftime(HOUR_KEY) for h in sorted(due)}
    asked = [h for h, key in keys.items() if key not in left_out and hours.has_partition_key(key)]
    for starts_at in sorted({*asked[:OLDEST], *asked[-NEWEST:]}):
        yield dg.RunRequest(run_key="books:" + ":".join(due[starts_at]), partition_key=keys[starts_at])
    if not asked:
        why = (
            f"{len(due)} hours are running, failed recently, or need a reload of the definitions"
            if due
            else "every recorded hour is in its tables"
        )
        yield dg.SkipReason(why)


def _hours_of_runs(instance: dg.DagsterInstance, now: datetime) -> set[str | None]:
    """Partitions of runs that have not ended, or that failed within the last hour. Run keys cannot exclude them: a key
    contains the digests of a tick."""
    under_way = dg.RunsFilter(job_name=books_job.name, statuses=_UNDER_WAY)
    failed = dg.RunsFilter(job_name=books_job.name, statuses=_FAILED, updated_after=now - FAILED_WAIT)
    return {run.tags.get("dagster/partition") for some in (under_way, failed) for run in instance.get_runs(some)}
