"""A shift's right to record as a listener: a lease, and the planned way to hand it on.

Belongs here: how two leases make one succession. A shift has ``listener/<name>``. Before it ends it takes
``listener/<name>/ending``, which is never prolonged, and gives the first one back: a successor may take that, with the
next epoch, while the old shift writes under the second until it expires. A shift that has neither may not write.
"""

from __future__ import annotations

import threading

from echelon_pipeline.errors import Conflict
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Lease, Leases


def lease_names(listener: str) -> tuple[str, str]:
    """The lease of a listener's shift, and the one of a shift that ends."""
    return f"listener/{listener}", f"listener/{listener}/ending"


def holders(state: State, listener: str) -> tuple[Lease | None, Lease | None]:
    """The current leases of both names; None where there is none."""
    leases = Leases(state)
    first, ending = (leases.current(name) for name in lease_names(listener))
    return first, ending


class ShiftLease:
    """The right of one shift. Its methods may be called from any thread; they wait for the state database."""

    def __init__(self, state: State, listener: str, lease: Lease, seconds: float) -> None:
        self.epoch = lease.epoch
        self._state = state
        self._leases = Leases(state)
        self._listener = listener
        self._seconds = seconds
        self._lease = lease
        self._handed_over = False
        self._one = threading.Lock()  # no check of a lease that is being exchanged

    @classmethod
    def begin(cls, state: State, listener: str, owner: str, seconds: float) -> ShiftLease | None:
        """Takes the right for so many seconds from each sign of life; None while another shift has it."""
        lease = Leases(state).acquire(lease_names(listener)[0], owner, seconds)
        return None if lease is None else cls(state, listener, lease, seconds)

    def renew(self) -> None:
        """A sign of life. Raises Conflict where another has taken over, DatabaseUnavailable."""
        with self._one:
            if self._handed_over:
                self._leases.check(self._lease)
            else:
                self._lease = self._leases.renew(self._lease, self._seconds)

    def check(self) -> None:
        """The fence: raises Conflict where another may write, or might by now. DatabaseUnavailable."""
        with self._one:
            try:
                self._leases.check(self._lease)
            except Conflict:
                if self._handed_over:
                    raise  # the successor may have closed our segments
                # Expired while this machine was busy; no other shift has followed unless this raises.
                self._lease = self._leases.renew(self._lease, self._seconds)

    def hand_over(self, seconds: float) -> bool:
        """Lets a successor begin; ours ends after so many seconds. False where one before us is still ending: then
        nothing changes. Raises Conflict, DatabaseUnavailable."""
        with self._one:
            if self._handed_over:
                return True
            ending = self._leases.exchange(self._lease, lease_names(self._listener)[1], seconds)
            if ending is None:
                return False
            self._lease, self._handed_over = ending, True
            return True

    def is_overlapping(self) -> bool:
        """The shift before ours still records."""
        with self._one:
            ending = holders(self._state, self._listener)[1]
            return ending is not None and ending.owner != self._lease.owner

    def release(self) -> None:
        """Gives the right back. Raises DatabaseUnavailable."""
        with self._one:
            self._leases.release(self._lease)
