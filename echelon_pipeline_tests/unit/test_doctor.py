"""The doctor: every fault is named with what to do, nothing is changed, no secret is shown."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa
import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.doctor import examine, locked_versions, worst
from echelon_pipeline.ops.venue_probes import Finding, Level
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.log import Log
from echelon_pipeline.streams.segments import Connection
from echelon_pipeline.tables import TABLES

NOW = datetime(2026, 11, 20, 12, 0, 0, 500_000, tzinfo=UTC)
SECRET = "do-not-print-4711"
VENUES = ("kalshi", "polymarket gamma", "polymarket clob", "polymarket data")

Handler = Callable[[httpx.Request], httpx.Response]


def answer(request: httpx.Request, *, at: datetime = NOW, kalshi: dict[str, object] | None = None) -> httpx.Response:
    """What venues in good health say; ``at`` is their clock."""
    headers = {"Date": format_datetime(at.replace(microsecond=0), usegmt=True)}
    path = request.url.path
    if path.endswith("/exchange/status"):
        body = {"exchange_active": True, "trading_active": True} if kalshi is None else kalshi
        return httpx.Response(200 if body.get("exchange_active", True) else 503, json=body, headers=headers)
    if path == "/time":
        return httpx.Response(200, text=str(int(at.timestamp())), headers=headers)
    return httpx.Response(200, json={}, headers=headers)


def report(
    home: Path, handler: Handler = answer, environ: Mapping[str, str] | None = None, **options: bool
) -> dict[str, Finding]:
    """Findings by what they are about."""
    found = examine(
        {"ECHELON_HOME": str(home), **(environ or {})},
        transport=httpx.MockTransport(handler),
        wall=lambda: NOW,
        **options,
    )
    return {finding.what: finding for finding in found}


def test_a_fresh_installation_has_nothing_that_fails_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = report(home)
    assert {what: f.text for what, f in found.items() if f.level is Level.FAIL} == {}
    assert not home.exists()
    assert found["publication"].level is Level.WARN
    assert "echelon ingest" in found["publication"].advice


def test_whatever_is_not_well_comes_with_advice(tmp_path: Path) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    (tmp_path / "echelon.duckdb").write_bytes(b"not a database")
    found = report(tmp_path, down)
    faults = [f for f in found.values() if f.level is not Level.OK]
    assert {"publication", *VENUES} <= {f.what for f in faults}
    assert all(f.advice for f in faults)


def test_settings_that_cannot_be_used_are_a_finding_not_a_crash(tmp_path: Path) -> None:
    found = report(tmp_path, environ={"ECHELON_HOM": "x"})
    assert found["settings"].level is Level.FAIL
    assert "Did you mean ECHELON_HOME?" in found["settings"].text
    assert "lake" not in found


def test_secrets_are_named_and_never_shown(tmp_path: Path) -> None:
    found = report(tmp_path, environ={"KALSHI_API_KEY": SECRET, "POLYMARKET_PRIVATE_KEY": SECRET})
    assert "KALSHI_API_KEY, POLYMARKET_PRIVATE_KEY" in found["settings"].text
    assert SECRET not in repr(found)


def test_a_private_key_file_that_is_not_there_fails(tmp_path: Path) -> None:
    found = report(tmp_path, environ={"KALSHI_PRIVATE_KEY_PATH": str(tmp_path / "no.pem")})
    assert found["settings"].level is Level.FAIL


def test_too_little_disk_fails_before_a_run_does(tmp_path: Path) -> None:
    found = report(tmp_path, environ={"ECHELON_MIN_FREE_MB": "1000000000"})
    assert found["home"].level is Level.FAIL
    assert "ECHELON_MIN_FREE_MB" in found["home"].advice


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", encoding="utf-8")
    assert report(tmp_path / "home" / "below", offline=True)["home"].level is Level.FAIL


def test_an_instance_file_of_the_operators_own_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    assert report(tmp_path, offline=True)["dagster"].level is Level.WARN


def drift_rows() -> pa.Table:
    row = dict.fromkeys(TABLES["core.drift"].names)
    row |= {"venue": "kalshi", "endpoint": "markets", "path": "new", "kind": "field", "objects": 1, "unit_id": "u"}
    return pa.Table.from_pylist([row | {"observed_at": NOW}], schema=TABLES["core.drift"].arrow_schema())


def test_a_flipped_byte_of_a_recorded_segment_is_found_by_the_deep_look(tmp_path: Path) -> None:
    root = load_settings({"ECHELON_HOME": str(tmp_path)}).capture_root
    log = Log(root, Connection("kalshi", "all", 3, 0, "20261120T120000-a1", "wss://example.test/ws"))
    log.add(1, b"a frame")
    log.flush()
    path = log.rotate()
    assert path is not None
    assert report(tmp_path, offline=True, deep=True)["recordings"].text == "1 segments are intact"
    data = bytearray(path.read_bytes())
    data[-20] ^= 0xFF
    path.write_bytes(data)
    assert "recordings" not in report(tmp_path, offline=True)
    found = report(tmp_path, offline=True, deep=True)["recordings"]
    assert (found.level, str(path) in found.text) == (Level.FAIL, True)
    assert "backup" in found.advice


def test_a_lake_is_counted(tmp_path: Path) -> None:
    Lake.of(load_settings({"ECHELON_HOME": str(tmp_path)})).append("core.drift", drift_rows())
    found = report(tmp_path, offline=True)["lake"]
    assert (found.level, found.text) == (Level.OK, f"{tmp_path / 'lake'}: 1 tables, 1 files")


def test_a_damaged_lake_is_named_and_the_other_checks_go_on(tmp_path: Path) -> None:
    Lake.of(load_settings({"ECHELON_HOME": str(tmp_path)})).append("core.drift", drift_rows())
    logs = list((tmp_path / "lake").rglob("_delta_log/*.json"))
    assert logs
    for log in logs:
        log.write_text("{", encoding="utf-8")
    found = report(tmp_path, offline=True)
    assert found["lake"].level is Level.FAIL
    assert "core.drift" in found["lake"].text
    assert "publication" in found


def test_a_publication_that_opens_is_reported_with_its_age(tmp_path: Path) -> None:
    path = tmp_path / "echelon.duckdb"
    duckdb.connect(str(path)).close()
    stamp = (NOW - timedelta(minutes=7)).timestamp()
    os.utime(path, (stamp, stamp))
    assert (found := report(tmp_path, offline=True)["publication"]).level is Level.OK
    assert "7 min old" in found.text
    stamp = (NOW - timedelta(days=3)).timestamp()
    os.utime(path, (stamp, stamp))
    assert (found := report(tmp_path, offline=True)["publication"]).level is Level.WARN
    assert "3 days old" in found.text


def test_a_publication_that_does_not_open_fails_and_says_how_to_rebuild_it(tmp_path: Path) -> None:
    (tmp_path / "echelon.duckdb").write_bytes(b"x" * 20_000)
    found = report(tmp_path, offline=True)["publication"]
    assert found.level is Level.FAIL
    assert "publish --force" in found.advice


def test_offline_asks_no_venue(tmp_path: Path) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"asked {request.url}")

    assert not set(VENUES) & set(report(tmp_path, never, offline=True))


def test_each_venue_is_asked_once_where_its_setting_points(tmp_path: Path) -> None:
    asked: list[str] = []

    def listen(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer(request)

    environ = {
        "KALSHI_BASE_URL": "http://k.example/trade-api/v2",
        "POLYMARKET_GAMMA_URL": "http://g.example",
        "POLYMARKET_API_URL": "http://c.example",
        "ECHELON_POLYMARKET_DATA_URL": "http://d.example",
    }
    report(tmp_path, listen, environ)
    assert asked == [
        "http://k.example/trade-api/v2/exchange/status",
        "http://g.example/markets/keyset?limit=1",
        "http://c.example/time",
        "http://d.example/v2/status",
    ]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError])
def test_one_venue_out_of_reach_does_not_hide_the_others(tmp_path: Path, error: type[httpx.TransportError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if "gamma" in request.url.host:
            raise error("gone", request=request)
        return answer(request)

    found = report(tmp_path, handler)
    levels = {what: found[what].level for what in VENUES}
    assert levels == {what: Level.FAIL if "gamma" in what else Level.OK for what in VENUES}
    assert "unreachable" in found["polymarket gamma"].text


def test_kalshi_maintenance_is_a_warning_with_its_end(tmp_path: Path) -> None:
    """In maintenance the venue answers 503 with the same shape."""
    status: dict[str, object] = {
        "exchange_active": False,
        "trading_active": False,
        "exchange_estimated_resume_time": "2026-11-20T10:00:00Z",
    }
    found = report(tmp_path, lambda request: answer(request, kalshi=status))["kalshi"]
    assert found.level is Level.WARN
    assert "maintenance until 2026-11-20T10:00:00Z" in found.text


def test_a_trading_pause_is_no_fault(tmp_path: Path) -> None:
    status: dict[str, object] = {"exchange_active": True, "trading_active": False}
    found = report(tmp_path, lambda request: answer(request, kalshi=status))["kalshi"]
    assert (found.level, "paused" in found.text) == (Level.OK, True)


@pytest.mark.parametrize(
    ("status", "level"), [(429, Level.WARN), (403, Level.FAIL), (500, Level.FAIL), (404, Level.FAIL)]
)
def test_a_status_other_than_200_is_shown(tmp_path: Path, status: int, level: Level) -> None:
    found = report(tmp_path, lambda _: httpx.Response(status, text="<html>"))
    assert {found[what].level for what in VENUES} == {level}
    assert all(str(status) in found[what].text for what in VENUES)


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [(0, Level.OK, ""), (-10, Level.WARN, "ahead"), (10, Level.WARN, "behind"), (-90, Level.FAIL, "ahead")],
)
def test_our_clock_is_held_against_the_venues(tmp_path: Path, seconds: int, level: Level, words: str) -> None:
    found = report(tmp_path, lambda request: answer(request, at=NOW + timedelta(seconds=seconds)))
    for what in ("clock, kalshi", "clock, polymarket clob"):
        assert found[what].level is level
        assert words in found[what].text


def test_a_frozen_clock_is_said_and_not_compared(tmp_path: Path) -> None:
    found = report(tmp_path, environ={"ECHELON_NOW": "2026-01-01"})
    assert "clock frozen at 2026-01-01" in found["settings"].text
    assert not [what for what in found if what.startswith("clock")]


def test_the_installed_packages_are_the_locked_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert report(tmp_path, offline=True)["packages"].level is Level.OK
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.0.1")
    found = report(tmp_path, offline=True)["packages"]
    assert found.level is Level.WARN
    assert "0.0.1 (locked " in found.text


def test_a_lock_line_may_name_extras_and_platforms() -> None:
    text = (
        "uvicorn[standard]==0.54.0 \\\n    --hash=sha256:00\n"
        'duckdb==2.0.0 ; python_version >= "3.11" \\\n    --hash=sha256:11\n'
        'pywin32==312 ; sys_platform == "no such platform" \\\n    --hash=sha256:22\n'
    )
    assert locked_versions(text) == {"uvicorn": "0.54.0", "duckdb": "2.0.0"}


def test_the_worst_finding_decides() -> None:
    ok, warn, fail = (Finding(level, "x", "y") for level in Level)
    assert worst([ok]) is Level.OK
    assert worst([ok, warn, ok]) is Level.WARN
    assert worst([fail, warn]) is Level.FAIL
