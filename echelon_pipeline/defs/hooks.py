"""What happens when a step fails: its run is tagged with the class of the failure.

Belongs here: hooks. ``transient`` may work later and was retried, ``permanent`` needs somebody, ``unexpected`` is an
error that nobody classified: a fault of the code.
"""

from __future__ import annotations

import dagster as dg

TAG = "echelon/failure_class"
# A run with several failures is as bad as its worst.
_ORDER = ("transient", "permanent", "unexpected")


@dg.failure_hook
def say_failure_class(context: dg.HookContext) -> None:
    """Tags the run and says in its log what failed and whether trying again can help."""
    error = context.op_exception
    if isinstance(error, dg.RetryRequested):  # its last attempt failed
        error = error.__cause__
    stated = error.metadata.get("failure_class") if isinstance(error, dg.Failure) else None
    found = str(stated.value) if stated is not None else "unexpected"
    run = context.instance.get_run_by_id(context.run_id)
    before = run.tags.get(TAG) if run is not None else None
    worst = max((found, before or found), key=_ORDER.index)
    context.instance.add_run_tags(context.run_id, {TAG: worst})
    context.log.error("%s failed, %s: %s", context.op.name, found, error)
