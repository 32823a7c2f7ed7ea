"""Sensors that alert people: failed runs, and failed checks.

Belongs here: what of Dagster's records deserves an alert, and its words. ``alerts/`` delivers it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import AssetCheckEvaluation, AssetCheckSeverity
from dagster._core.storage.tags import WILL_RETRY_TAG

from echelon_pipeline.alerts.alert import Alert
from echelon_pipeline.alerts.delivery import deliver, raise_alert
from echelon_pipeline.ops.dagster_home import FAILURE_TAG
from echelon_pipeline.ops.failures import step_failure
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.settings import Settings

# Runs per tick; the next tick continues.
RUNS_AT_ONCE = 50
# Between the end of a run and the last change of its record, at most.
SLACK = timedelta(minutes=1)
SHOWN = 3  # failed steps whose reasons an alert has
NO_DESTINATION = "no destination: ECHELON_ALERT_WEBHOOK and ECHELON_ALERT_SMTP are not set"


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Both sensors. They run if a destination is configured."""
    status = dg.DefaultSensorStatus.RUNNING if settings.has_alerts else dg.DefaultSensorStatus.STOPPED
    runs = dg.run_failure_sensor(
        name="alert_failed_runs",
        description="Alerts on every failed run, also of commands, except runs that Dagster starts again.",
        monitor_all_code_locations=True,
        default_status=status,
    )
    checks = dg.sensor(
        name="alert_failed_checks",
        description="Alerts on failed asset checks (errors; warnings too with ECHELON_ALERT_WARNINGS), and delivers "
        "alerts that wait.",
        minimum_interval_seconds=30,
        default_status=status,
    )
    return [runs(alert_failed_runs), checks(alert_failed_checks)]


def alert_failed_runs(context: dg.RunFailureSensorContext, warehouse: Resource) -> None:
    """Raises an alert for one failed run: one per job, failed steps and interval."""
    run, settings = context.dagster_run, warehouse.settings()
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return
    events = context.get_step_failure_events()
    steps = sorted({event.step_key or "" for event in events})
    failures = [f"{event.step_key}: {step_failure(event.step_failure_data).reason}" for event in events[:SHOWN]]
    text = "\n".join(failures) or str(context.failure_event.message or "it failed before any step began")
    raise_alert(
        settings,
        Alert(
            key=f"run {run.job_name} {' '.join(steps)}",
            title=f"{run.job_name} failed" + (f": {', '.join(steps[:SHOWN])}" if steps else ""),
            text=text + (f"\nand {len(events) - SHOWN} more steps" if len(events) > SHOWN else ""),
            details=_facts(settings, run.run_id, {"class": run.tags.get(FAILURE_TAG, ""), "days": _days(run)}),
        ),
    )


def alert_failed_checks(context: dg.SensorEvaluationContext, warehouse: Resource) -> Iterator[dg.SkipReason]:
    """Raises an alert for each failed check since the last tick: one per check and interval."""
    settings = warehouse.settings()
    if not settings.has_alerts:
        yield dg.SkipReason(NO_DESTINATION)
        return
    since = datetime.fromisoformat(context.cursor) if context.cursor else None
    runs, newest = _ended_runs(context.instance, since)
    failed = [(run_id, check) for run_id in runs for check in _failed(settings, context.instance, run_id)]
    for run_id, check in failed:
        raise_alert(settings, _alert(settings, run_id, check))
    context.update_cursor(newest.isoformat())
    sent = deliver(settings)
    yield dg.SkipReason(f"{len(failed)} failed check(s), {sent} waiting alert(s) delivered")


def _ended_runs(instance: dg.DagsterInstance, since: datetime | None) -> tuple[list[str], datetime]:
    """Runs that ended since an instant, and the instant of the next tick. The first tick only sets it: old failures are
    not news. Records of ended runs may change later (tags), which does not make them new."""
    if since is None:
        return [], datetime.now(UTC)
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=since)
    records = instance.get_run_records(ended, limit=RUNS_AT_ONCE, order_by="update_timestamp", ascending=True)
    fresh = [r for r in records if r.end_time is None or r.end_time > (since - SLACK).timestamp()]
    newest = max((r.update_timestamp.replace(tzinfo=UTC) for r in records), default=since)
    return [r.dagster_run.run_id for r in fresh], newest


def _failed(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> Iterator[AssetCheckEvaluation]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.dagster_event.event_specific_data if entry.dagster_event is not None else None
        if not isinstance(check, AssetCheckEvaluation) or check.passed:
            continue
        if check.severity is AssetCheckSeverity.ERROR or settings.alert_warnings:
            yield check


def _alert(settings: Settings, run_id: str, check: AssetCheckEvaluation) -> Alert:
    name = f"{check.asset_key.to_user_string()}: {check.check_name}"
    is_error = check.severity is AssetCheckSeverity.ERROR
    facts = [f"{key}: {value.value}" for key, value in check.metadata.items()]
    return Alert(
        key=f"check {name}",
        title=f"check failed: {name}",
        text="\n".join([check.description or "", *facts]).strip(),
        severity="error" if is_error else "warning",
        details=_facts(settings, run_id, {}),
    )


def _facts(settings: Settings, run_id: str, more: dict[str, str]) -> dict[str, str]:
    link = f"{settings.ui_url.rstrip('/')}/runs/{run_id}" if settings.ui_url else ""
    return {name: value for name, value in {**more, "run": run_id, "link": link}.items() if value}


def _days(run: dg.DagsterRun) -> str:
    first = run.tags.get("dagster/asset_partition_range_start", run.tags.get("dagster/partition", ""))
    last = run.tags.get("dagster/asset_partition_range_end", first)
    return first if first == last else f"{first} to {last}"
