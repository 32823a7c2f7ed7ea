"""``python -m echelon_pipeline.hosting.parent_watch MODULE ARGUMENTS``: a server that ends with its parent.

Belongs here: watching the parent. Standard input is a pipe whose other end only the parent has: the system closes it
also when the parent is killed. The server is then interrupted like by Ctrl-C, and ended by force if that takes too
long.
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
GRACE_SECONDS = 15.0


def start(module: str, *arguments: str, **popen: Any) -> subprocess.Popen[bytes]:
    """Starts ``python -m module``. It ends with this process, or when the returned object is deleted."""
    command = [sys.executable, "-m", "echelon_pipeline.hosting.parent_watch", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **popen)


def watch(descriptor: int, grace: float = GRACE_SECONDS) -> None:
    """Interrupts this process when the other end of the pipe is closed."""
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(grace)
    os._exit(1)


def main() -> None:
    """Runs a module like ``python -m``, and watches the parent."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the server and its child processes read nothing
    os.close(nothing)
    # A parent that ignores SIGINT (a background job of a script) passes that on; this process must not ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=watch, args=(pipe,), name="parent", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
