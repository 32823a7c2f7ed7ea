"""``echelon settings``: the settings in use, the source of each, and the values recorded in a home.

Belongs here: showing settings and accepting changes. ``settings/`` decides which settings are recorded.
"""

from __future__ import annotations

import inspect
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import SecretStr

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.commands.layout import write_table
from echelon_pipeline.settings import GROUPS, SHAPES_DATA, Settings, accept_settings, env_names
from echelon_pipeline.settings.recorded import read_recorded

_GROUPS = {inspect.cleandoc(group.__doc__ or "").partition(":")[0].lower(): group for group in GROUPS}
GroupName = StrEnum("GroupName", {name: name for name in _GROUPS})  # type: ignore[misc]

app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="Show the settings in use and the source of each; change the values recorded in this home.",
)


@app.callback()
def show(
    context: typer.Context,
    group: Annotated[
        GroupName | None, typer.Option(show_default=False, help="Only the settings of this group. Default: all.")
    ] = None,
) -> None:
    """Show every setting with its value and its source: the home, the environment, or the default."""
    if context.invoked_subcommand is not None:
        return
    settings = prepared()
    recorded = read_recorded(settings.home)
    wanted = None if group is None else _GROUPS[group].model_fields
    rows = [
        (name, _value(settings, field), _origin(settings, field, recorded))
        for name, field in env_names().items()
        if wanted is None or field in wanted
    ]
    write_table(out(), ("setting", "value", "from"), rows)


@app.command()
def accept(
    names: Annotated[
        list[str] | None, typer.Argument(show_default=False, help="Variables, e.g. ECHELON_BUILDER_CODE. Default: all.")
    ] = None,
) -> None:
    """Record the environment's values in this home. Later commands build its data with them."""
    prepared()
    changed = accept_settings(names or [])
    for difference in changed:
        out().print(f"{difference.name}: {difference.home} -> {difference.environment}", soft_wrap=True)
    advice = "nothing differs" if not changed else "`echelon refresh` rebuilds the marts that depend on it"
    out().print(advice, soft_wrap=True)


def _value(settings: Settings, field: str) -> str:
    value = getattr(settings, field)
    if isinstance(value, SecretStr):
        return "set, not shown"
    return "" if value is None else str(value)


def _origin(settings: Settings, field: str, recorded: dict[str, object]) -> str:
    if field in SHAPES_DATA and field in recorded:
        return "home"
    return "environment" if field in settings.model_fields_set else "default"
