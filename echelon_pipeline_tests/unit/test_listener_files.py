"""``echelon listeners`` and files of listeners: what is wrong is named, and nothing of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from echelon_pipeline import cli
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listener_files import load_listeners, read_listeners, seed
from echelon_pipeline.state.listeners import Listener, Listeners

GOOD = """
listeners:
  - name: fed
    venue: kalshi
    series: KXFED
    min_volume: 1000.5
    own: true
    quotes: true
  - {name: coins, venue: polymarket, tag: [Crypto, Bitcoin], most: 20, is_active: false}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "listeners.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_its_listeners(tmp_path: Path) -> None:
    fed, coins = read_listeners(written(tmp_path, GOOD))
    assert fed == Listener(name="fed", venue="kalshi", series=("KXFED",), min_volume="1000.5", own=True, quotes=True)
    assert (coins.own, coins.quotes) == (False, False)
    assert (coins.tag, coins.most, coins.is_active) == (("Crypto", "Bitcoin"), 20, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected one key, listeners"),
        ("listeners: {a: 1}", "expected one key, listeners"),
        ("listeners: []\nmore: 1", "expected one key, listeners"),
        ("listeners: [", "no YAML"),
        ("listeners: [fed]", r"listeners\[0\]: expected the fields"),
        ("listeners: [{name: a, venue: kalshi}, {name: b}]", r"listeners\[1\]\.venue: Field required"),
        ("listeners: [{name: a, venue: kalshi, sries: X}]", r"listeners\[0\]\.sries: Extra inputs"),
        ("listeners: [{name: a, venue: kalshi, series: [X, 5]}]", r"listeners\[0\]\.series\[1\]: Input should be"),
        ("listeners: [{name: a, venue: kalshi, min_volume: many}]", r"listeners\[0\]\.min_volume: Input should be"),
        ("listeners: [{name: a, venue: kalshi, own: perhaps}]", r"listeners\[0\]\.own: Input should be"),
        ("listeners: [{name: a, venue: kalshi, condition: x}]", r"listeners\[0\]: condition: only Polymarket"),
        (
            "listeners: [{name: a, venue: kalshi}, {name: a, venue: kalshi}]",
            r"listeners\[1\]\.name: 'a' is there twice",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSettings, match=rf"listeners\.yaml: {said}"):
        read_listeners(written(tmp_path, text))


def test_of_a_file_all_or_none_are_kept(tmp_path: Path) -> None:
    with State("sqlite://") as state:
        listeners = Listeners(state)
        with pytest.raises(BadSettings):
            load_listeners(listeners, written(tmp_path, GOOD + "  - {name: x}"))
        assert listeners.all() == []
        load_listeners(listeners, written(tmp_path, GOOD))
        assert [known.listener.name for known in listeners.all()] == ["coins", "fed"]


def test_the_configured_file_counts_when_it_has_changed_and_edits_by_hand_stay_until_then(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_LISTENERS_FILE": str(path)})
    with State.of(settings) as state:
        seed(settings, state).remove("coins")
        assert [known.listener.name for known in seed(settings, state).all()] == ["fed"]
        written(tmp_path, GOOD.replace("most: 20", "most: 21"))
        assert seed(settings, state).get("coins").most == 21
        path.unlink()
        with pytest.raises(BadSettings, match="ECHELON_LISTENERS_FILE"):
            seed(settings, state)


def told(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> str:
    monkeypatch.setenv("ECHELON_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner().invoke(cli.app, ["listeners", *arguments]).output


def test_the_command_adds_shows_pauses_and_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> str:
        return told(monkeypatch, tmp_path, *arguments)

    assert (
        run("add", "fed", "--venue", "kalshi", "--series", "KXFED", "--series", "KXCPI", "--min-volume", "10.5") == ""
    )
    with State.of(load_settings({"ECHELON_HOME": str(tmp_path)})) as state:
        Listeners(state).claim("fed", ["kalshi:KXFED-1"])
        lease = Leases(state).acquire("listener/fed", "a-run-of-dagster", 60)
        assert lease is not None
    listed = run("list")
    assert "series=KXFED,KXCPI min_volume=10.5" in listed
    assert "shift 1 of run a-run-of" in listed
    assert "kalshi:KXFED-1 since 20" in run("show", "fed")
    assert run("pause", "fed") == ""
    run("add", "fed", "--venue", "kalshi", "--series", "KXFED")
    assert "paused" in run("list")
    assert "kalshi:KXFED-1" not in run("show", "fed")
    assert run("add", "mine", "--venue", "polymarket", "--own", "--quotes") == ""
    with State.of(load_settings({"ECHELON_HOME": str(tmp_path)})) as state:
        kept = [(k.listener.name, k.listener.own, k.listener.quotes) for k in Listeners(state).all()]
    assert kept == [("fed", False, False), ("mine", True, True)]
    assert run("remove", "mine") == ""
    assert run("resume", "fed") == ""
    assert "active" in run("list")
    assert run("load", str(written(tmp_path, GOOD))).startswith("2 listeners of")
    assert run("remove", "fed") == ""
    assert "no listener 'fed'" in run("show", "fed")
    assert "ticker: only Kalshi's" in run("add", "x", "--venue", "polymarket", "--ticker", "KX")
    assert "min_volume" in run("add", "x", "--venue", "kalshi", "--min-volume", "much")
    assert "x" not in run("list").split()
