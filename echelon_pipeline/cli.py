"""The ``echelon`` command.

Belongs here: the list of subcommands. Each is in ``commands/``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from echelon_pipeline import __version__
from echelon_pipeline.commands import (
    backup,
    configuration,
    demo,
    health,
    imports,
    latest,
    listeners,
    query,
    rederive,
    report,
    serve,
    stream,
    tables,
    upkeep,
    work,
)
from echelon_pipeline.commands.common import EchelonGroup

app = typer.Typer(
    cls=EchelonGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Polymarket and Kalshi in reliable tables.",
    epilog="Settings come from the environment: docs/settings.md. Exit codes: 1 will fail again, 75 try again later, "
    "128 + the signal: interrupted; ui and sandbox, which serve until a signal, exit with 0.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"echelon {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the subcommand."""


app.command()(demo.demo)
app.command()(work.ingest)
app.command("import")(imports.import_)
app.command()(work.refresh)
app.command()(work.publish)
app.command(cls=query.SqlCommand)(query.sql)
app.command()(tables.tables)
app.add_typer(report.app, name="report")
app.command()(stream.record)
app.add_typer(listeners.app, name="listeners")
app.command()(work.derive)
app.command()(rederive.rederive)
app.command()(stream.replay)
app.command()(stream.book)
app.command()(latest.latest)
app.command()(serve.ui)
# The sandbox reads its own options, the same ones as `python -m echelon_pipeline.sandbox`.
app.command(add_help_option=False, context_settings={"ignore_unknown_options": True})(serve.sandbox)
app.command()(work.maintain)
app.command()(upkeep.prune)
app.command()(upkeep.reconcile)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(health.doctor)
app.add_typer(configuration.app, name="settings")

if __name__ == "__main__":
    app()
