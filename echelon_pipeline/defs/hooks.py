"""Tags a run with the class of the failure when a step fails.

Belongs here: hooks. A ``transient`` failure was retried and may work later, a ``permanent`` one needs a change, and an
``unexpected`` one has no class: it is a bug.
"""

from __future__ import annotations

import dagster as dg

from echelon_pipeline.ops.dagster_home import FAILURE_TAG as TAG

# From best to worst: a run with several failures gets the worst class.
_ORDER = ("transient", "permanent", "unexpected")


@dg.failure_hook
def say_failure_class(context: dg.HookContext) -> None:
    """Tags the run, and logs what failed and the class of the failure."""
    error = context.op_exception
    if isinstance(error, dg.RetryRequested):  # the last attempt failed
        error = error.__cause__
    stated = error.metadata.get("failure_class") if isinstance(error, dg.Failure) else None
    found = str(stated.value) if stated is not None else "unexpected"
    run = context.instance.get_run_by_id(context.run_id)
    before = run.tags.get(TAG) if run is not None else None
    worst = max((found, before or found), key=_ORDER.index)
    context.instance.add_run_tags(context.run_id, {TAG: worst})
    context.log.error("%s failed, %s: %s", context.op.name, found, error)
