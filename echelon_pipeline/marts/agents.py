"""The seed of agents: which wallet, or which owner of orders, belongs to which agent.

Belongs here: reading the file that ECHELON_AGENTS_FILE names, and keeping ``core.agents`` equal to it. The table and
everything that is computed from it are private.
"""

from __future__ import annotations

import csv
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings
from echelon_pipeline.tables import TABLES

AGENTS = "core.agents"
# What legs without a known wallet or owner belong to.
UNASSIGNED = "unassigned"
_SETTING = "ECHELON_AGENTS_FILE"
_FIELDS = ("agent", "wallet", "owner")
_WALLET = re.compile(r"0x[0-9a-f]{40}")

# (agent_id, kind, id): kind is wallet or owner.
Agent = tuple[str, str, str]


def sync_agents(settings: Settings, lake: Lake, scratch: Path) -> None:
    """Makes ``core.agents`` equal to the seed; without a seed the table stays. Raises BadSettings for a faulty seed."""
    if settings.agents_file is None:
        return
    wanted = sorted(read_agents(settings.agents_file))
    with lake.duck() as connection:
        query = f"SELECT agent_id, kind, id FROM ({lake.scan(AGENTS)}) ORDER BY ALL"
        if connection.execute(query).fetchall() == wanted:
            return
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = scratch / f"{AGENTS}-{secrets.token_hex(4)}.parquet"
    columns = [pa.array([agent[n] for agent in wanted], pa.string()) for n in range(3)]
    pq.write_table(pa.Table.from_arrays(columns, schema=TABLES[AGENTS].arrow_schema()), path)
    try:
        lake.replace(AGENTS, path, None)
    finally:
        path.unlink()


def read_agents(path: Path) -> list[Agent]:
    """The agents of a CSV or YAML file. Raises BadSettings with file, row and field."""
    if not path.is_file():
        raise BadSettings(f"{_SETTING}: {path} is no file")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = _csv_rows(path)
    elif suffix in (".yaml", ".yml"):
        rows = _yaml_rows(path)
    else:
        raise BadSettings(f"{_SETTING}: {path} is neither .csv nor .yaml")
    agents: dict[tuple[str, str], str] = {}
    for where, row in rows:
        for agent, kind, name in _agents(f"{_SETTING}: {path}, {where}", row):
            other = agents.setdefault((kind, name), agent)
            if other != agent:
                raise BadSettings(f"{_SETTING}: {path}, {where}: the {kind} belongs to {other} already")
    return [(agent, kind, name) for (kind, name), agent in agents.items()]


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        unknown = [name for name in reader.fieldnames or () if name not in _FIELDS]
        if unknown or "agent" not in (reader.fieldnames or ()):
            raise BadSettings(f"{_SETTING}: {path}: the header has {reader.fieldnames}; expected agent, wallet, owner")
        try:
            for row in reader:
                yield f"line {reader.line_num}", row
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadSettings(f"{_SETTING}: {path}: {error}") from error


def _yaml_rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadSettings(f"{_SETTING}: {path}: {error}") from error
    if not isinstance(found, list):
        raise BadSettings(f"{_SETTING}: {path}: expected a list of agents, each with agent, wallet and owner")
    for number, row in enumerate(found, start=1):
        where = f"entry {number}"
        if not isinstance(row, Mapping) or [name for name in row if name not in _FIELDS]:
            raise BadSettings(f"{_SETTING}: {path}, {where}: expected the fields agent, wallet and owner")
        yield where, row


def _agents(where: str, row: Mapping[str, object]) -> Iterator[Agent]:
    agent = str(row.get("agent") or "").strip()
    if not agent or agent == UNASSIGNED:
        raise BadSettings(f"{where}: agent is {agent or 'empty'}; a name other than {UNASSIGNED} is expected")
    names = [(kind, name) for kind in ("wallet", "owner") for name in _names(row.get(kind))]
    if not names:
        raise BadSettings(f"{where}: {agent} has neither wallet nor owner")
    for kind, name in names:
        if kind == "wallet" and not _WALLET.fullmatch(name):
            raise BadSettings(f"{where}: wallet of {agent}: 0x and 40 hexadecimal digits are expected")
        yield agent, kind, name


def _names(value: object) -> Iterable[str]:
    """One text, or the texts of a list, in lower case."""
    values: Sequence[object] = value if isinstance(value, list) else [value]
    return [name for v in values if v is not None and (name := str(v).strip().lower())]
