"""Agents, and the figures of builder codes by agent. Private: never published or mirrored.

Belongs here: columns, keys and rules of these tables.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import VENUE
from echelon_pipeline.tables.schema import Audience, Column, Feeder, Rule, T, Table

AGENTS = Table(
    name="core.agents",
    about="One row is one wallet or owner of orders that belongs to an agent, from the file of ECHELON_AGENTS_FILE. "
    "Private: in the lake only, never published.",
    grain="wallet or owner",
    columns=(
        Column("agent_id", T.TEXT, "name of the agent", nullable=False),
        Column("kind", T.TEXT, "wallet or owner", nullable=False),
        Column("id", T.TEXT, "the wallet's address, or the owner as the venue serves it; lower case", nullable=False),
    ),
    key=("kind", "id"),
    partition_by=(),
    sort_by=("agent_id", "kind", "id"),
    rules=(Rule("kind is known", "kind IN ('wallet', 'owner')"),),
    fed_by=(Feeder.COMMAND,),
    published=False,
    audience=Audience.PRIVATE,
    mirrored=False,
)

AGENT_REPORT = Table(
    name="mart.agent_report",
    about="One row is the volume and fees of one agent under one builder code in one range. Private: in the lake only, "
    "never published.",
    grain="builder code, range, range_start, agent",
    columns=(
        VENUE,
        Column("builder_code", T.TEXT, "bytes32 code, lower case; all_codes: each leg of all codes once", False),
        Column("range", T.TEXT, "day, week, month or all, in UTC", nullable=False),
        Column("range_start", T.DATE, "as in mart.builder_report; 1970-01-01 for all", nullable=False),
        Column("agent_id", T.TEXT, "name of the agent; unassigned: neither owner nor wallet is known", nullable=False),
        Column("volume_usd", T.MONEY, "final matches, each once per transaction and taker order", unit="USD"),
        Column("volume_share", T.STAT, "share in the volume of the code and range"),
        Column("contracts", T.SIZE, "volume_usd in shares", unit="contracts"),
        Column("matches", T.BIGINT, "distinct transactions and taker orders", nullable=False),
        Column("legs", T.BIGINT, "order legs of final matches", nullable=False),
        Column("wallets", T.BIGINT, "distinct wallets", nullable=False),
        Column("fee_usd", T.MONEY, "venue fees of all final legs; NULL if one is unknown", unit="USD"),
        Column("builder_fee_usd", T.MONEY, "builder fees of all final legs; NULL if one was not served", unit="USD"),
    ),
    key=("venue", "builder_code", "range", "range_start", "agent_id"),
    partition_by=(),
    sort_by=("builder_code", "range", "range_start", "agent_id"),
    rules=(Rule("range is known", "range IN ('day', 'week', 'month', 'all')"),),
    published=False,
    audience=Audience.PRIVATE,
    mirrored=False,
)

AGENT_TABLES: tuple[Table, ...] = (AGENTS, AGENT_REPORT)
