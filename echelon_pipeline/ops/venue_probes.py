"""Checks that each venue answers, and compares its clock with ours.

Belongs here: findings about venues and clocks for ``doctor.py``, and the type of a finding. One request per address,
without retries: the report shows the state at this moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

import httpx

from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.base import Probe
from echelon_pipeline.venues.registry import REGISTRY

# Venues' clocks were up to 0.56 s ahead of ours in real captures, and a Date header has whole seconds only.
SKEW_WARN_SECONDS = 3.0
# Signed requests contain a timestamp, and an hour of drift would put trades on the wrong UTC day.
SKEW_FAIL_SECONDS = 30.0
PROBE_TIMEOUT_SECONDS = 10.0
# Number of files or payloads that one finding names; the rest is counted.
NAMED = 3

Clock = Callable[[], datetime]


class Level(StrEnum):
    """Severity of a finding. FAIL makes the command's exit code 1."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``advice``: what to do; empty if there is nothing to do. ``data``: the same as values,
    for programs."""

    level: Level
    what: str
    text: str
    advice: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


def first_few(faults: Sequence[str]) -> str:
    """The first faults of a list, and the number of the others."""
    return "; ".join(faults[:NAMED]) + (f"; and {len(faults) - NAMED:,} more" if len(faults) > NAMED else "")


def probe_venues(settings: Settings, transport: httpx.BaseTransport | None, wall: Clock) -> Iterator[Finding]:
    """One request to each address of every venue."""
    timeout = min(PROBE_TIMEOUT_SECONDS, settings.http_timeout)
    headers = {"User-Agent": settings.user_agent, "Accept": "application/json"}
    with httpx.Client(transport=transport, timeout=timeout, headers=headers) as client:
        for probe in (p for venue in REGISTRY.values() for p in venue.probes(settings)):
            sent = wall()
            try:
                answer = client.get(probe.url)
            except httpx.HTTPError as error:
                advice = f"Check network and proxy, or where {probe.variable} points; --offline skips the venues."
                text = f"{urlsplit(probe.url).hostname} is unreachable ({type(error).__name__})"
                yield Finding(Level.FAIL, probe.name, text, advice)
                continue
            took = wall() - sent
            yield _answered(probe, answer, took)
            if not settings.now:  # with a frozen clock the skew has no meaning
                yield from _skew(probe, answer, sent + took / 2)


def _answered(probe: Probe, answer: httpx.Response, took: timedelta) -> Finding:
    host, name = answer.request.url.host, probe.name
    if probe.state is not None and (state := probe.state(answer)) is not None:
        return Finding(Level.OK if state.is_up else Level.WARN, name, f"{host}: {state.text}", state.advice)
    if answer.status_code == 429:
        return Finding(Level.WARN, name, f"{host}: 429", "Another process uses this address's limit; wait a minute.")
    if answer.status_code != 200:
        advice = (
            f"Check where {probe.variable} points; 5xx are temporary errors of the venue, 403 may be a blocked region."
        )
        return Finding(Level.FAIL, name, f"{host}: answered {answer.status_code}", advice)
    return Finding(Level.OK, name, f"{host}: reachable, {took / timedelta(milliseconds=1):.0f} ms")


def _skew(probe: Probe, answer: httpx.Response, local: datetime) -> Iterator[Finding]:
    """Compares our clock with the venue's own time if it serves one, else with the Date header (both whole seconds)."""
    name = probe.name
    remote = None if probe.clock is None else probe.clock(answer)
    if remote is None and "Date" in answer.headers:
        try:
            remote = parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
        except ValueError:
            yield Finding(Level.WARN, f"clock, {name}", "the Date header is not a date", "Nothing to do on this side.")
    if remote is None:
        return
    # The remote time has whole seconds: on average it is half a second early.
    seconds = (local - remote).total_seconds() - 0.5
    text = f"ours is {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}"
    bad = abs(seconds)
    level = Level.FAIL if bad > SKEW_FAIL_SECONDS else Level.WARN if bad > SKEW_WARN_SECONDS else Level.OK
    yield Finding(level, f"clock, {name}", text, "" if level is Level.OK else "Synchronise this machine's clock (NTP).")
