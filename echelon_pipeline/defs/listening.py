"""Listeners: the job that runs one shift, and the sensor that starts shifts of every active listener.

Belongs here: the inputs of a shift, its reports to Dagster, and when a shift is started. The shift itself is in
``streams/shift.py``. Leases, not the states of runs, decide which shift is running: a run whose machine died stays
started.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from echelon_pipeline import stopping
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.clocks import MACHINE, Clock
from echelon_pipeline.defs.assets.books import capture_key
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import require_own_streams, require_own_venues
from echelon_pipeline.lake.session import Venue
from echelon_pipeline.ops.dagster_home import LISTEN_JOB, LISTENER_TAG
from echelon_pipeline.ops.failures import classified
from echelon_pipeline.ops.warehouse import Resource
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.latest import latest_store
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listener_files import seed
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.shift_lease import ShiftLease, holders, lease_names
from echelon_pipeline.streams.feeds import books_maker, feed_maker, instrument_of, own_maker
from echelon_pipeline.streams.probing import rest_books_of
from echelon_pipeline.streams.record import Pace
from echelon_pipeline.streams.segments import bounds, connection_of, count_of
from echelon_pipeline.streams.selection import chosen
from echelon_pipeline.streams.shift import work
from echelon_pipeline.streams.shift_spec import ShiftSpec, Times
from echelon_pipeline.venues.ws import WsPolicy

EPOCH_TAG = "echelon/epoch"
# How long a run may take to get its lease, and how long a started run may be without a lease before it counts as dead:
# a run starts within about 10 s, and ends within 2 s after its shift.
GRACE = timedelta(seconds=60)
# Seconds that a shift may take to end: frames are durable within one second, closing segments takes a few more.
SHIFT_END = 10.0
# A failed listener is started again after 30 s, doubling up to 5 minutes; failures of the last 15 minutes count.
BACKOFF, BACKOFF_MAX, FAILURES_WITHIN = timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=15)
_COMING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
_BEGUN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class ShiftConfig(dg.Config):
    """``listener``: its name."""

    listener: str


@dg.op
def listening(context: dg.OpExecutionContext, config: ShiftConfig, warehouse: Resource) -> None:
    """Runs one shift of a listener, unless another shift of it is running."""
    settings = warehouse.settings()
    with classified(retries=0), State.of(settings) as state:
        require_own_venues(settings)
        require_own_streams(settings)
        listeners = _seeded(settings, state, context.log, clock=warehouse.clock)
        listener = listeners.get(config.listener)
        right = ShiftLease.begin(state, listener.name, context.run_id, settings.listen_lease)
        if right is None:
            context.log.info("another shift of %s is running", listener.name)
            return
        context.instance.add_run_tags(context.run_id, {LISTENER_TAG: listener.name, EPOCH_TAG: str(right.epoch)})
        with contextlib.closing(latest_store(settings)) as store:
            spec = _spec(context, settings, listeners, listener, right, store.put)
            spec, stop = replace(spec, clock=warehouse.clock), asyncio.Event()
            # A signal must not interrupt the shift: the shift itself makes its frames durable and ends.
            worked = stopping.run(work(spec, stop), on_signal=stop.set, patience=SHIFT_END)
    context.add_output_metadata({name: value for name, value in vars(worked).items() if name != "refused"})
    for reason, times in worked.refused.items():
        context.log.warning("refused %d times: %s", times, reason)
    if worked.refused and not worked.frames:  # a missing, unusable or refused key
        raise dg.Failure(f"{listener.name}: nothing was recorded: {'; '.join(worked.refused)}", allow_retries=False)
    stopping.check()  # an interrupted run is recorded as canceled, although no data was lost


def _seeded(settings: Settings, state: State, log: logging.Logger, *, clock: Clock = MACHINE) -> Listeners:
    """The listeners. An error in their file does not stop the listeners that existed before it."""
    try:
        return seed(settings, state, clock=clock)
    except BadSettings as error:
        log.error("%s", error)  # noqa: TRY400 - the message is sufficient
        return Listeners(state, clock=clock)


def _spec(
    context: dg.OpExecutionContext,
    settings: Settings,
    listeners: Listeners,
    listener: Listener,
    right: ShiftLease,
    emit: Callable[[Sequence[LatestState]], None],
) -> ShiftSpec:
    name = listener.name
    feed, tokens = feed_maker(settings, listener.venue, quotes=listener.quotes)

    def discover() -> list[Instrument] | None:
        instruments = chosen(settings, listeners, name)
        return None if instruments is None else [instrument_of(one) for one in instruments]

    def closed(path: Path) -> None:
        context.log_event(_materialized(path, listener.venue))

    return ShiftSpec(
        listener=name,
        root=settings.capture_root,
        right=right,
        discover=discover,
        is_wanted=lambda: listeners.is_active(name),
        feed=feed,
        tokens=tokens,
        emit=emit,
        closed=closed,
        own=own_maker(settings, listener.venue) if listener.own else None,
        books=books_maker(settings, listener.venue),
        policy=WsPolicy.of(settings),
        pace=Pace.of(settings),
        times=Times.of(settings, discover=listener.discover_every, emit=listener.emit_every),
    )


def _materialized(path: Path, venue: Venue) -> dg.AssetMaterialization:
    """Reports a closed segment: its frames, bytes and times."""
    about = connection_of(path)
    times = bounds(path)
    metadata: dict[str, Any] = {
        "listener": about.listener,
        "epoch": about.epoch,
        "connection": about.connection_id,
        "segment": path.name,
        "frames": count_of(path),
        "rest_books": rest_books_of(path),
        "bytes": path.stat().st_size,
    }
    if times is not None:
        for name, at in (("first_at", times.first_at), ("last_at", times.last_at)):
            metadata[name] = dg.MetadataValue.timestamp(datetime.fromtimestamp(at / 1_000_000, UTC))
    return dg.AssetMaterialization(asset_key=capture_key(venue), metadata=metadata)


def listen_job(shift: float) -> dg.JobDefinition:
    """The job of one shift of ``shift`` seconds. Dagster ends a stuck run, and does not retry: the sensor starts the
    next shift."""

    @dg.job(
        name=LISTEN_JOB,
        hooks={say_failure_class},
        tags={"dagster/max_retries": "0", "dagster/max_runtime": str(int(shift) + 600)},
    )
    def listen() -> None:
        """Records the streams of one listener's instruments for one shift."""
        listening()

    return listen


def listeners_sensor(job: dg.JobDefinition, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that starts shifts of every active listener."""
    sensor = dg.sensor(
        name="listeners",
        job=job,
        minimum_interval_seconds=30,
        description="Starts a shift of every active listener that has none, or whose shift ends soon.",
        default_status=status,
    )
    return sensor(start_shifts)


def start_shifts(context: dg.SensorEvaluationContext, warehouse: Resource) -> dg.SensorResult:
    """Starts a shift of every active listener that has none, or whose shift is handing over."""
    settings = warehouse.settings()
    without_lease: dict[str, float] = json.loads(context.cursor) if context.cursor else {}
    starter = ShiftStarter(context.instance, without_lease)
    requests, reasons = [], []
    with State.of(settings) as state:
        for known in _seeded(settings, state, context.log).all():
            if not known.listener.is_active:
                continue
            answer = starter.request_or_reason(state, known.listener.name)
            if isinstance(answer, dg.RunRequest):
                requests.append(answer)
            else:
                reasons.append(f"{known.listener.name}: {answer}")
    skip = None if requests else "; ".join(reasons) or "no active listener"
    return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(starter.without_lease))


class ShiftStarter:
    """Decides when a listener needs a new shift. ``without_lease``: by started run, since when (seconds since 1970) it
    has no lease."""

    def __init__(self, instance: dg.DagsterInstance, seen: dict[str, float]) -> None:
        self.without_lease: dict[str, float] = {}
        self._instance = instance
        self._seen = seen

    def request_or_reason(self, state: State, name: str) -> dg.RunRequest | str:
        """A request for a shift, or the reason why none is needed."""
        now = _now()
        first, ending = holders(state, name)
        owners = {lease.owner for lease in (first, ending) if lease is not None}
        begun = [r for r in self._records(name, _BEGUN) if r.dagster_run.run_id not in owners]
        self._fail_dead(begun, now)
        if first is not None:
            return f"shift {first.epoch} is running"
        if self._records(name, _COMING) or any(_age(r, now) < GRACE for r in begun):
            return "a shift is starting"
        failures = self._records(name, [dg.DagsterRunStatus.FAILURE], since=now - FAILURES_WITHIN)
        ended = max((r.end_time or 0.0 for r in failures), default=0.0)
        wait = min(BACKOFF * 2 ** max(0, len(failures) - 1), BACKOFF_MAX)
        if now.timestamp() < ended + wait.total_seconds():
            return f"failed {len(failures)} times recently, waits before the next try"
        last = Leases(state).last(lease_names(name)[0])
        epoch = 1 if last is None else last.epoch + 1
        tags = {LISTENER_TAG: name, EPOCH_TAG: str(epoch)}
        # Dagster starts one run per key. The attempt makes the key new if a run ended before it became a shift.
        attempt = self._instance.get_runs_count(dg.RunsFilter(job_name=LISTEN_JOB, tags=tags, statuses=_ENDED))
        config = {"ops": {listening.name: {"config": {"listener": name}}}}
        return dg.RunRequest(run_key=f"{name}:{epoch}:{attempt}", run_config=config, tags=tags)

    def _fail_dead(self, begun: list[dg.RunRecord], now: datetime) -> None:
        """Reports started runs as failed that have had no lease for GRACE: their machine died, or they hang."""
        for record in begun:
            run = record.dagster_run
            since = self._seen.get(run.run_id, now.timestamp())
            if now.timestamp() - since < GRACE.total_seconds() or _age(record, now) < GRACE:
                self.without_lease[run.run_id] = since
            else:
                self._instance.report_run_failed(run, "the run has no lease any more: its machine died or it hangs")

    def _records(
        self, name: str, statuses: list[dg.DagsterRunStatus], since: datetime | None = None
    ) -> list[dg.RunRecord]:
        runs = dg.RunsFilter(job_name=LISTEN_JOB, tags={LISTENER_TAG: name}, statuses=statuses, updated_after=since)
        return list(self._instance.get_run_records(runs))


def _now() -> datetime:
    return datetime.now(UTC)


def _age(record: dg.RunRecord, now: datetime) -> timedelta:
    """Time since the run started, or since it was created if its start is unknown."""
    began = record.start_time or record.create_timestamp.timestamp()
    return timedelta(seconds=now.timestamp() - began)
