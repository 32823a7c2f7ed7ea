"""A shift's right to record as a listener: a lease, and the planned way to hand it on.

Belongs here: how two leases make one succession. A shift holds ``listener/<name>``. Before it ends it takes
``listener/<name>/ending``, which nobody prolongs, and gives the first one back: a successor may take that, with the
next epoch, while the old shift writes under the second until it expires. Whoever holds neither may not write.
"""

from __future__ import annotations

import threading
from datetime import datetime

from echelon_pipeline.errors import Conflict
from echelon_pipeline.state.database import Lease, State


def lease_names(listener: str) -> tuple[str, str]:
    """The lease of a listener's shift, and the one of a shift that ends."""
    return f"listener/{listener}", f"listener/{listener}/ending"


def holders(state: State, listener: str) -> tuple[Lease | None, Lease | None]:
    """Who holds them now; None where nobody does."""
    now = state.now()
    first, ending = (state.lease(name) for name in lease_names(listener))
    return _holding(first, now), _holding(ending, now)


def _holding(lease: Lease | None, now: datetime) -> Lease | None:
    return lease if lease is not None and lease.expires_at > now else None


class Tenure:
    """Held by one shift. Its methods may be called from any thread; they wait for the state database."""

    def __init__(self, state: State, listener: str, lease: Lease, seconds: float) -> None:
        self.epoch = lease.epoch
        self._state = state
        self._listener = listener
        self._seconds = seconds
        self._held = lease
        self._handed_over = False
        self._one = threading.Lock()  # nobody checks a lease that is being exchanged

    @classmethod
    def begin(cls, state: State, listener: str, owner: str, seconds: float) -> Tenure | None:
        """Takes the right for so many seconds from each sign of life; None while another shift has it."""
        lease = state.acquire(lease_names(listener)[0], owner, seconds)
        return None if lease is None else cls(state, listener, lease, seconds)

    def renew(self) -> None:
        """A sign of life. Raises Conflict where another has taken over, DatabaseUnavailable."""
        with self._one:
            if self._handed_over:
                self._state.check(self._held)
            else:
                self._held = self._state.renew(self._held, self._seconds)

    def check(self) -> None:
        """The fence: raises Conflict where another may write, or might by now. DatabaseUnavailable."""
        with self._one:
            try:
                self._state.check(self._held)
            except Conflict:
                if self._handed_over:
                    raise  # whoever followed may have closed our segments
                # Expired while this machine was busy; nobody has followed unless this raises.
                self._held = self._state.renew(self._held, self._seconds)

    def hand_over(self, seconds: float) -> bool:
        """Lets a successor begin; ours ends after so many seconds. False where one before us is still ending: then
        nothing changes. Raises Conflict, DatabaseUnavailable."""
        with self._one:
            if self._handed_over:
                return True
            self._state.check(self._held)
            ending = self._state.acquire(lease_names(self._listener)[1], self._held.owner, seconds)
            if ending is None:
                return False
            held, self._held, self._handed_over = self._held, ending, True
            self._state.release(held)
            return True

    def is_overlapping(self) -> bool:
        """The shift before ours still records."""
        with self._one:
            ending = holders(self._state, self._listener)[1]
            return ending is not None and ending.owner != self._held.owner

    def release(self) -> None:
        """Gives back what is held. Raises DatabaseUnavailable."""
        with self._one:
            self._state.release(self._held)
