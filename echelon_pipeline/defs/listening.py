"""Listeners: the job that works one shift, and the sensor that keeps every active listener at work.

Belongs here: what a shift is given, its reports to Dagster, and when one is started. The shift itself is
``streams/shift.py``'s. Leases say who is at work, not the states of runs: a run whose machine died stays started.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from echelon_pipeline import stopping
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.defs.assets.books import capture_key
from echelon_pipeline.defs.executor import steady_executor
from echelon_pipeline.defs.hooks import say_failure_class
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.ingest.homes import require_own_streams, require_own_venues
from echelon_pipeline.lake.session import Venue
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
from echelon_pipeline.streams.shift_spec import Duty, Times
from echelon_pipeline.venues.ws import WsPolicy

LISTEN = "listen"  # the name of the job
TAG, EPOCH_TAG = "echelon/listener", "echelon/epoch"
# How long a run may be under way before it holds its lease, and a started one without a lease before it is called
# dead: a run begins within some 10 s, and a shift that is over ends its run within 2.
GRACE = timedelta(seconds=60)
# Seconds that a shift may take to end: frames are durable within one, segments are closed within some more.
SHIFT_END = 10.0
# A listener that fails is started again after 30 s, doubling up to 5 minutes while failures are younger than these.
BACKOFF, BACKOFF_MAX, REMEMBERED = timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=15)
_COMING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
_BEGUN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class ShiftConfig(dg.Config):
    """``listener``: its name."""

    listener: str


@dg.op
def listening(context: dg.OpExecutionContext, config: ShiftConfig, warehouse: Resource) -> None:
    """Works one shift of a listener, unless another is at work."""
    settings = warehouse.settings()
    with classified(retries=0), State.of(settings) as state:
        require_own_venues(settings)
        require_own_streams(settings)
        listeners = _seeded(settings, state, context.log)
        listener = listeners.get(config.listener)
        right = ShiftLease.begin(state, listener.name, context.run_id, settings.listen_lease)
        if right is None:
            context.log.info("another shift of %s is at work", listener.name)
            return
        context.instance.add_run_tags(context.run_id, {TAG: listener.name, EPOCH_TAG: str(right.epoch)})
        with contextlib.closing(latest_store(settings)) as store:
            duty, stop = _duty(context, settings, listeners, listener, right, store.put), asyncio.Event()
            # A signal must not break off what is under way: the shift itself makes its frames durable and ends.
            worked = stopping.run(work(duty, stop), on_signal=stop.set, patience=SHIFT_END)
    context.add_output_metadata({name: value for name, value in vars(worked).items() if name != "refused"})
    for words, times in worked.refused.items():
        context.log.warning("refused %d times: %s", times, words)
    if worked.refused and not worked.frames:  # a key that is missing, cannot be used or is refused
        raise dg.Failure(f"{listener.name}: nothing was recorded: {'; '.join(worked.refused)}", allow_retries=False)
    stopping.check()  # a run that was ended is shown as such, although nothing was lost


def _seeded(settings: Settings, state: State, log: logging.Logger) -> Listeners:
    """The listeners; a mistake in their file stops nobody who was at work before it."""
    try:
        return seed(settings, state)
    except BadSettings as error:
        log.error("%s", error)  # noqa: TRY400 - the words say all
        return Listeners(state)


def _duty(
    context: dg.OpExecutionContext,
    settings: Settings,
    listeners: Listeners,
    listener: Listener,
    right: ShiftLease,
    emit: Callable[[Sequence[LatestState]], None],
) -> Duty:
    name = listener.name
    feed, tokens = feed_maker(settings, listener.venue, quotes=listener.quotes)

    def discover() -> list[Instrument] | None:
        found = chosen(settings, listeners, name)
        return None if found is None else [instrument_of(one) for one in found]

    def closed(path: Path) -> None:
        context.log_event(_materialized(path, listener.venue))

    return Duty(
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
    """What is in a segment that was closed."""
    about = connection_of(path)
    held = bounds(path)
    told: dict[str, Any] = {
        "listener": about.listener,
        "epoch": about.epoch,
        "connection": about.connection_id,
        "segment": path.name,
        "frames": count_of(path),
        "rest_books": rest_books_of(path),
        "bytes": path.stat().st_size,
    }
    if held is not None:
        for name, at in (("first_at", held.first_at), ("last_at", held.last_at)):
            told[name] = dg.MetadataValue.timestamp(datetime.fromtimestamp(at / 1_000_000, UTC))
    return dg.AssetMaterialization(asset_key=capture_key(venue), metadata=told)


def listen_job(shift: float) -> dg.JobDefinition:
    """The job of one shift of ``shift`` seconds: no run is longer, however stuck. Only the sensor starts it again."""

    @dg.job(
        name=LISTEN,
        hooks={say_failure_class},
        executor_def=steady_executor,
        tags={"dagster/max_retries": "0", "dagster/max_runtime": str(int(shift) + 600)},
    )
    def listen() -> None:
        """One shift of one listener: its instruments' streams, recorded."""
        listening()

    return listen


def listeners_sensor(job: dg.JobDefinition, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Keeps every active listener at work."""
    made = dg.sensor(name="listeners", job=job, minimum_interval_seconds=30, default_status=status)
    return made(listeners_at_work)


def listeners_at_work(context: dg.SensorEvaluationContext, warehouse: Resource) -> dg.SensorResult:
    """Starts a shift of every active listener that has none, or whose shift has begun to hand over."""
    settings = warehouse.settings()
    dead: dict[str, float] = json.loads(context.cursor) if context.cursor else {}
    keeper = Keeper(context.instance, dead)
    requests, reasons = [], []
    with State.of(settings) as state:
        for known in _seeded(settings, state, context.log).all():
            if not known.listener.is_active:
                continue
            found = keeper.look(state, known.listener.name)
            if isinstance(found, dg.RunRequest):
                requests.append(found)
            else:
                reasons.append(f"{known.listener.name}: {found}")
    skip = None if requests else "; ".join(reasons) or "no active listener"
    return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(keeper.without_lease))


class Keeper:
    """Looks after listeners. ``without_lease``: since when (seconds since 1970) a started run was seen without one."""

    def __init__(self, instance: dg.DagsterInstance, seen: dict[str, float]) -> None:
        self.without_lease: dict[str, float] = {}
        self._instance = instance
        self._seen = seen

    def look(self, state: State, name: str) -> dg.RunRequest | str:
        """A request for a shift, or why none is needed."""
        now = _now()
        first, ending = holders(state, name)
        owners = {lease.owner for lease in (first, ending) if lease is not None}
        begun = [r for r in self._records(name, _BEGUN) if r.dagster_run.run_id not in owners]
        self._bury(begun, now)
        if first is not None:
            return f"shift {first.epoch} is at work"
        if self._records(name, _COMING) or any(_age(r, now) < GRACE for r in begun):
            return "a shift is about to begin"
        failures = self._records(name, [dg.DagsterRunStatus.FAILURE], since=now - REMEMBERED)
        ended = max((r.end_time or 0.0 for r in failures), default=0.0)
        wait = min(BACKOFF * 2 ** max(0, len(failures) - 1), BACKOFF_MAX)
        if now.timestamp() < ended + wait.total_seconds():
            return f"failed {len(failures)} times lately, waits"
        last = Leases(state).last(lease_names(name)[0])
        epoch = 1 if last is None else last.epoch + 1
        tags = {TAG: name, EPOCH_TAG: str(epoch)}
        # A key never starts a run again: that of an epoch whose run ended before it was a shift is another one's.
        attempt = self._instance.get_runs_count(dg.RunsFilter(job_name=LISTEN, tags=tags, statuses=_ENDED))
        config = {"ops": {listening.name: {"config": {"listener": name}}}}
        return dg.RunRequest(run_key=f"{name}:{epoch}:{attempt}", run_config=config, tags=tags)

    def _bury(self, begun: list[dg.RunRecord], now: datetime) -> None:
        """Calls runs failed that are started and have had no lease for a while: their machine died, or they hang."""
        for record in begun:
            run = record.dagster_run
            since = self._seen.get(run.run_id, now.timestamp())
            if now.timestamp() - since < GRACE.total_seconds() or _age(record, now) < GRACE:
                self.without_lease[run.run_id] = since
            else:
                self._instance.report_run_failed(run, "it gives no sign of life: its lease is over")

    def _records(
        self, name: str, statuses: list[dg.DagsterRunStatus], since: datetime | None = None
    ) -> list[dg.RunRecord]:
        wanted = dg.RunsFilter(job_name=LISTEN, tags={TAG: name}, statuses=statuses, updated_after=since)
        return list(self._instance.get_run_records(wanted))


def _now() -> datetime:
    return datetime.now(UTC)


def _age(record: dg.RunRecord, now: datetime) -> timedelta:
    """Since it began; created counts where that is not known."""
    began = record.start_time or record.create_timestamp.timestamp()
    return timedelta(seconds=now.timestamp() - began)
