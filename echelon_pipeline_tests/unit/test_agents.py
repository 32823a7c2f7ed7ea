"""The seed of agents: CSV and YAML, and faults that name file, row and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.marts.agents import AGENTS, read_agents, sync_agents
from echelon_pipeline.settings import load_settings
from echelon_pipeline_tests.rows import stored

WALLET, OTHER = "0x" + "aB" * 20, "0x" + "cd" * 20
SEED = f"agent,wallet,owner\nalpha,{WALLET},\nalpha,,Key-1\nbeta,{OTHER},key-2\n"
EXPECTED = [
    ("alpha", "owner", "key-1"),
    ("alpha", "wallet", WALLET.lower()),
    ("beta", "owner", "key-2"),
    ("beta", "wallet", OTHER),
]


def written(folder: Path, text: str, name: str = "agents.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_yaml_give_the_same_agents(tmp_path: Path) -> None:
    text = f"- agent: alpha\n  wallet: '{WALLET}'\n  owner: Key-1\n"
    text += f"- {{agent: beta, wallet: ['{OTHER}'], owner: [key-2]}}\n"
    assert sorted(read_agents(written(tmp_path, SEED))) == EXPECTED
    assert sorted(read_agents(written(tmp_path, text, "agents.yaml"))) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "name,wallet\nx,y\n", r"the header has \['name', 'wallet'\]; expected agent, wallet, owner"),
        ("a.csv", f"agent,wallet\nalpha,{WALLET[:-1]}\n", "line 2: wallet of alpha: 0x and 40 hexadecimal digits"),
        ("a.csv", f"agent,wallet\n,{WALLET}\n", "line 2: agent is empty"),
        ("a.csv", f"agent,wallet\nunassigned,{WALLET}\n", "line 2: agent is unassigned; a name other than"),
        ("a.csv", "agent,owner\nalpha,\n", "line 2: alpha has neither wallet nor owner"),
        ("a.csv", "agent,owner\nalpha,k\nbeta,K\n", "line 3: the owner belongs to alpha already"),
        ("a.yaml", "agent: alpha\n", "expected a list of agents"),
        ("a.yaml", "- {agent: alpha, wallets: []}\n", "entry 1: expected the fields agent, wallet and owner"),
        ("a.yaml", "- [", "a.yaml: while parsing"),
        ("a.txt", "", "is neither .csv nor .yaml"),
    ],
)
def test_a_faulty_seed_is_refused_with_file_row_and_field(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(BadSettings, match=f"ECHELON_AGENTS_FILE: .*{said}"):
        read_agents(written(tmp_path, text, name))


def test_a_missing_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"ECHELON_AGENTS_FILE: .*none\.csv is no file"):
        read_agents(tmp_path / "none.csv")


def test_the_table_follows_the_seed_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    seed = written(tmp_path, SEED)
    settings = load_settings({"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_AGENTS_FILE": str(seed)})
    lake = Lake.of(settings)
    for _ in range(2):
        sync_agents(settings, lake, settings.scratch)
    version = lake.version(AGENTS)
    assert [tuple(r.values()) for r in stored(lake, AGENTS)] == EXPECTED
    assert lake.version(AGENTS) == version, "an unchanged seed commits nothing"
    written(tmp_path, "agent,owner\ngamma,k\n")
    sync_agents(settings, lake, settings.scratch)
    assert [r["agent_id"] for r in stored(lake, AGENTS)] == ["gamma"]
    sync_agents(load_settings({"ECHELON_HOME": str(tmp_path / "home")}), lake, settings.scratch)
    assert len(stored(lake, AGENTS)) == 1, "without a seed the table stays"
    files = [Path(f) for f in lake.files(AGENTS)]
    assert {f.stat().st_mode & 0o077 for f in files} == {0}
    assert not list(settings.scratch.glob("*.parquet"))
