"""How much longer than promised something may take on a machine that is busy with something else.

Belongs here: one factor for tests that hold promises in seconds.
"""

from __future__ import annotations

import os


def seconds(promised: float) -> float:
    """What is promised of a machine that has a processor free; as much longer as processes wait for one here."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return promised * max(1.0, waiting)
