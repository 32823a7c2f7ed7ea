"""Records alerts and delivers them: once per key and interval, with a bounded number of attempts.

Belongs here: ``raise_alert`` and ``deliver``. Alerts wait in the state database, so that an alert outlives the process
that raised it and a destination that is down. One process at a time delivers.
"""

from __future__ import annotations

import logging
import time

from echelon_pipeline.alerts.alert import Alert
from echelon_pipeline.alerts.destinations import Message, Send, destinations
from echelon_pipeline.errors import Conflict
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.alerts import Alerts, Waiting
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import hold_lease

log = logging.getLogger(__name__)

LEASE = "alerts"
# Attempts per destination; seconds after the first failed one, doubled after each next one, up to the maximum: the last
# attempt is about two hours after the first.
ATTEMPTS, WAIT, MAX_WAIT = 9, 30.0, 3_600.0
AT_ONCE = 3  # alerts per call, so that a tick of a sensor ends in time; the next tick continues


def raise_alert(settings: Settings, alert: Alert) -> None:
    """Records an alert for each configured destination, and tries to deliver it. Does nothing without a destination.

    An alert whose key was sent within the last ECHELON_ALERT_EVERY seconds is only counted. Raises DatabaseUnavailable
    if it cannot be recorded; a destination that does not answer raises nothing.
    """
    targets = destinations(settings)
    if not targets:
        return
    cleaned = alert.cleaned(settings)
    with State.of(settings) as state:
        for name in targets:
            Alerts(state).record(
                cleaned.key,
                name,
                title=cleaned.title,
                text=cleaned.text,
                severity=cleaned.severity,
                details=cleaned.details,
                now=time.time(),
                every=settings.alert_every,
            )
    deliver(settings)


def deliver(settings: Settings) -> int:
    """Delivers waiting alerts whose time has come; returns how many were accepted. Raises DatabaseUnavailable."""
    targets = destinations(settings)
    if not targets:
        return 0
    try:
        with hold_lease(settings, LEASE, wait=0), State.of(settings) as state:
            alerts = Alerts(state)
            due = alerts.due(time.time(), list(targets), AT_ONCE)
            return sum(_attempt(alerts, one, targets[one.destination]) for one in due)
    except Conflict:  # another process delivers
        return 0


def _attempt(alerts: Alerts, one: Waiting, send: Send) -> bool:
    message = Message(one.key, one.title, one.text, one.severity, one.details, one.first_at, one.times)
    reason = send(message)
    if not reason:
        alerts.sent(one, time.time())
        return True
    tries = one.tries + 1
    wait = min(WAIT * 2 ** (tries - 1), MAX_WAIT)
    alerts.failed(one, reason, None if tries >= ATTEMPTS else time.time() + wait)
    if tries >= ATTEMPTS:
        log.error("alert %r was not delivered after %d attempts: %s", one.title, tries, reason)
    else:
        log.warning("alert %r is not delivered yet, next attempt in %.0f s: %s", one.title, wait, reason)
    return False
