"""Links from assets to the source: the function that makes the asset, and the SQL statements that compute its rows.

Belongs here: code references of Dagster. Without ECHELON_SOURCE_URL they are files of this machine, which the UI opens
in an editor; with it they are pages of the repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.metadata.source_code import CodeReference

from echelon_pipeline.settings import project_file
from echelon_pipeline.sqltools.statements import path_of
from echelon_pipeline.venues.registry import REGISTRY

_KEY = "dagster/code_references"
# Folders of this machine, and their paths in the repository.
_ROOTS = ((project_file("sql"), "sql"), (Path(__file__).parents[1], "echelon_pipeline"))


def statement_links(names: Iterable[str]) -> dict[str, Any]:
    """Metadata of a definition: links to the files of these statements."""
    files = [dg.LocalFileCodeReference(file_path=str(path_of(name)), label=f"sql/{name}.sql") for name in names]
    return {_KEY: dg.CodeReferencesMetadataValue(code_references=list(files))} if files else {}


def parsing(table: str, venue: str) -> list[str]:
    """The statements that make rows of a table from a venue's payloads."""
    kinds = REGISTRY[venue].kinds.values()
    return list(dict.fromkeys(name for kind in kinds for made, name in kind.outputs.items() if made == table))


def with_sources(assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]) -> list[Any]:
    """The assets, each with a link to its function in addition to those to its statements."""
    return list(dg.with_source_code_references(assets))


def linked(metadata: dict[str, Any], source_url: str | None) -> dict[str, Any]:
    """The metadata of a definition whose links have labels, and lead to the repository if its address is known."""
    found = metadata.get(_KEY)
    if not isinstance(found, dg.CodeReferencesMetadataValue):
        return metadata
    references = [_placed(reference, source_url) for reference in found.code_references]
    return {**metadata, _KEY: dg.CodeReferencesMetadataValue(code_references=references)}


def _placed(reference: CodeReference, source_url: str | None) -> CodeReference:
    if not isinstance(reference, dg.LocalFileCodeReference):
        return reference
    label = _in_repository(Path(reference.file_path))
    if label is None:  # a file of another package
        return reference
    line = reference.line_number
    if source_url is None:
        return dg.LocalFileCodeReference(file_path=reference.file_path, line_number=line, label=label)
    return dg.UrlCodeReference(url=f"{source_url.rstrip('/')}/{label}{f'#L{line}' if line else ''}", label=label)


def _in_repository(path: Path) -> str | None:
    for root, name in _ROOTS:
        if path.is_relative_to(root):
            return f"{name}/{path.relative_to(root).as_posix()}"
    return None
