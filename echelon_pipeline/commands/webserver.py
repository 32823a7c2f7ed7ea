"""``python -m echelon_pipeline.commands.webserver``: serves Dagster's web pages behind the same-origin rule.

Belongs here: starting Dagster's application like ``dagster-webserver`` does, wrapped in the same-origin check. Dagster
accepts mutations by GET, with any Host and Origin, and has no setting to forbid that.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.hosting.json_lines import reformat
from echelon_pipeline.hosting.same_origin import SameOrigin
from echelon_pipeline.settings import Settings, load_settings

GRAPHQL = "/graphql"
# As set by dagster-webserver's own command: milliseconds, seconds, connections; the pages poll every 2,000 ms.
_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW, _POLL = 15_000, 3_600, 20, 2_000
_CLOSE_SECONDS = 5  # until connections of open pages are closed by force


def guarded(app: ASGIApp, hosts: Sequence[str] = ()) -> SameOrigin:
    """Dagster's application, limited to requests for loopback names and ``hosts``."""
    return SameOrigin(app, hosts=hosts, post_only=(GRAPHQL,), hint="ECHELON_UI_HOSTS allows hosts other than loopback")


def serve(workspace: str, host: str, port: int, settings: Settings) -> None:
    """Serves the instance of DAGSTER_HOME until SIGINT or SIGTERM."""
    as_json = settings.log_format == "json"
    configure_loggers(formatter="json" if as_json else "colored", log_level="INFO")
    if as_json:
        reformat("dagster")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops the code server in order, like SIGINT
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW)
        target = WorkspaceFileTarget(paths=[workspace])
        # A code server's first line is text in any format: without lines below WARNING there is none.
        level = "WARNING" if as_json else "INFO"
        with WorkspaceProcessContext(
            instance, workspace_load_target=target, version=__version__, code_server_log_level=level
        ) as process:
            pages = create_app_from_workspace_process_context(process, "", _POLL, lifespan=_lifespan)
            uvicorn.run(
                guarded(pages, settings.ui_hosts_allowed),
                host=host,
                port=port,
                log_level="warning",
                log_config=None if as_json else LOGGING_CONFIG,
                timeout_graceful_shutdown=_CLOSE_SECONDS,
            )


@asynccontextmanager
async def _lifespan(_: object) -> AsyncIterator[None]:
    with suppress(asyncio.CancelledError):  # raised by uvicorn at an interrupt
        yield


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m echelon_pipeline.commands.webserver")
    made.add_argument("--workspace", required=True)
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, required=True)
    return made


def main() -> int:
    """Serves until an interrupt. Exit code: 0 after an interrupt, 1 if the settings cannot be used."""
    options = parser().parse_args()
    try:
        serve(options.workspace, options.host, options.port, load_settings())
    except KeyboardInterrupt:
        return 0
    except EchelonError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
