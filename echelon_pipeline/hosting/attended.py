"""``python -m echelon_pipeline.hosting.attended MODULE ARGUMENTS``: a server that ends with its parent.

Belongs here: watching the parent. Its standard input is a pipe of which the parent alone holds the other end: the
system closes that also where the parent is killed. Then the server is interrupted as Ctrl-C would do it, and ended by
force where that takes too long.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from typing import Any

# Dagster's own shutdown of code servers takes up to ten seconds.
PATIENCE = 15.0


def start(module: str, *arguments: str, **popen: Any) -> subprocess.Popen[bytes]:
    """Starts ``python -m module``, which lives no longer than this process, nor than the object that is returned."""
    command = [sys.executable, "-m", "echelon_pipeline.hosting.attended", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **popen)


def watch(descriptor: int, patience: float = PATIENCE) -> None:
    """Interrupts this process when the other end of a pipe is closed."""
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(patience)
    os._exit(1)


def main() -> None:
    """Runs a module as ``python -m`` does, watched."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the server and what it starts read nothing
    os.close(nothing)
    # A parent that ignores interrupts (a job in the background of a script) hands that on; this one must be heard.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=watch, args=(pipe,), name="parent", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
