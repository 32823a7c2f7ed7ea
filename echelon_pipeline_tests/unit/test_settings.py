"""Settings: every name works, mistakes are errors, secrets stay secret."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import KALSHI_DEMO, KALSHI_PROD, Settings, env_names, load_settings, project_file

SECRET = "do-not-print-4711"
SECRETS = sorted(
    name for name, field in env_names().items() if "SecretStr" in str(Settings.model_fields[field].annotation)
)

# Names that users of earlier versions have in their environments: name, text, field, value.
FIXED: list[tuple[str, str, str, Any]] = [
    ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("KALSHI_BASE_URL", "https://k.example/v2", "kalshi_base_url", "https://k.example/v2"),
    ("KALSHI_WS_URL", "wss://k.example", "kalshi_ws_url", "wss://k.example"),
    ("KALSHI_WS_DEMO_URL", "wss://d.example", "kalshi_ws_demo_url", "wss://d.example"),
    ("KALSHI_USE_DEMO", "true", "kalshi_use_demo", True),
    ("KALSHI_MAX_INSTRUMENTS", "12", "kalshi_max_instruments", 12),
    ("KALSHI_SLEEP_SECS", "0.25", "kalshi_sleep_secs", 0.25),
    ("KALSHI_BATCH_SIZE", "50", "kalshi_batch_size", 50),
    ("KALSHI_API_KEY", SECRET, "kalshi_api_key", SecretStr(SECRET)),
    ("KALSHI_PRIVATE_KEY", SECRET, "kalshi_private_key", SecretStr(SECRET)),
    ("KALSHI_PRIVATE_KEY_PATH", "/keys/k.pem", "kalshi_private_key_path", Path("/keys/k.pem")),
    ("KALSHI_CREDENTIALS_ENCRYPTION_KEY", SECRET, "kalshi_credentials_encryption_key", SecretStr(SECRET)),
    ("POLYMARKET_API_URL", "https://c.example", "polymarket_api_url", "https://c.example"),
    ("POLYMARKET_GAMMA_URL", "https://g.example", "polymarket_gamma_url", "https://g.example"),
    ("POLYMARKET_WS_URL", "wss://p.example", "polymarket_ws_url", "wss://p.example"),
    ("POLYMARKET_API_KEY", SECRET, "polymarket_api_key", SecretStr(SECRET)),
    ("POLYMARKET_API_SECRET", SECRET, "polymarket_api_secret", SecretStr(SECRET)),
    ("POLYMARKET_PRIVATE_KEY", SECRET, "polymarket_private_key", SecretStr(SECRET)),
    ("USE_TESTNET", "1", "use_testnet", True),
    ("REDIS_URL", f"redis://:{SECRET}@r", "redis_url", SecretStr(f"redis://:{SECRET}@r")),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default home is in the working directory: a checkout may have one, whose recorded settings win."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "text", "field", "value"), FIXED, ids=[entry[0] for entry in FIXED])
def test_an_established_environment_name_sets_its_field(name: str, text: str, field: str, value: object) -> None:
    assert getattr(load_settings({name: text}), field) == value


def test_every_name_that_is_not_established_starts_with_echelon() -> None:
    fixed = {name for name, *_ in FIXED}
    assert {name for name in env_names() if not name.startswith("ECHELON_")} == fixed


def test_names_and_fields_are_one_to_one() -> None:
    names = env_names()
    assert sorted(names.values()) == sorted(Settings.model_fields)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_has_a_description(field: str) -> None:
    assert Settings.model_fields[field].description


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ECHELON_HOM", "ECHELON_HOME"),
        ("ECHELON_MEMORY_LIMIT", "ECHELON_MEMORY_LIMIT_MB"),
        ("ECHELON_DAY_BACK", "ECHELON_DAYS_BACK"),
        ("ECHELON_SCHEDULE", "ECHELON_SCHEDULES"),
    ],
)
def test_an_unknown_echelon_name_is_refused_with_the_nearest_known_one(wrong: str, right: str) -> None:
    with pytest.raises(BadSettings, match=rf"{wrong}\. Did you mean {right}\?"):
        load_settings({wrong: "1"})


def test_variables_of_other_programs_are_ignored() -> None:
    assert load_settings({"PATH": "/bin", "KALSHI_SOMETHING": "1"}) == load_settings({})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(dict.fromkeys(env_names(), "")) == load_settings({})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    schemes = {"ECHELON_STATE_URL": "postgresql", "ECHELON_POSTGRES_URL": "postgresql", "REDIS_URL": "redis"}
    schemes |= {"ECHELON_ALERT_WEBHOOK": "https", "ECHELON_ALERT_SMTP": "smtps"}
    given = f"{schemes[name]}://:{SECRET}@host" if name in schemes else SECRET
    settings = load_settings({name: given, "ECHELON_ALERT_MAIL": "a@b.example"})
    shown = (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert all(SECRET not in text for text in shown)
    field: SecretStr = getattr(settings, env_names()[name])
    assert field.get_secret_value() == given


@pytest.mark.parametrize("name", ["KALSHI_BATCH_SIZE", "ECHELON_NOW", "KALSHI_USE_DEMO", "ECHELON_MIN_FREE_MB"])
def test_the_message_about_an_invalid_value_names_the_variable_and_hides_the_value(name: str) -> None:
    """A key pasted into the wrong variable must not end up in a log."""
    with pytest.raises(BadSettings, match=name) as caught:
        load_settings({name: SECRET, "KALSHI_API_KEY": SECRET})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_all_invalid_values_are_named_in_one_message() -> None:
    with pytest.raises(BadSettings, match=r"ECHELON_THREADS.*KALSHI_BATCH_SIZE"):
        load_settings({"ECHELON_THREADS": "0", "KALSHI_BATCH_SIZE": "101"})


def test_settings_do_not_change_once_loaded() -> None:
    with pytest.raises(ValidationError):
        setattr(load_settings({}), "threads", 3)  # noqa: B010 - the type checker refuses the plain form


def test_the_kalshi_base_is_explicit_else_demo_else_production() -> None:
    assert load_settings({}).kalshi_rest == KALSHI_PROD
    assert load_settings({"KALSHI_USE_DEMO": "1"}).kalshi_rest == KALSHI_DEMO
    assert load_settings({"USE_TESTNET": "true"}).kalshi_rest == KALSHI_DEMO
    assert load_settings({"USE_TESTNET": "true", "KALSHI_BASE_URL": "http://x"}).kalshi_rest == "http://x"


@pytest.mark.parametrize("text", ["2026-11-20T12:00:00", "2026-11-20T12:00:00Z", "2026-11-20T07:00:00-05:00"])
def test_a_frozen_clock_is_converted_to_utc(text: str) -> None:
    settings = load_settings({"ECHELON_NOW": text})
    assert settings.clock() == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert settings.clock().utcoffset() == UTC.utcoffset(None)


def test_the_first_day_is_the_set_one_or_days_back_from_the_clock() -> None:
    assert load_settings({"ECHELON_START_DATE": "2026-01-31"}).first_day == date(2026, 1, 31)
    assert load_settings({"ECHELON_NOW": "2026-03-02T00:00:00Z", "ECHELON_DAYS_BACK": "2"}).first_day == date(
        2026, 2, 28
    )


def test_paths_are_below_the_home_unless_set(tmp_path: Path) -> None:
    settings = load_settings({"ECHELON_HOME": str(tmp_path)})
    assert settings.lake_root == str(tmp_path / "lake")
    assert settings.published_file == tmp_path / "echelon.duckdb"
    assert settings.dagster_home == tmp_path / "dagster"
    assert settings.state_dsn == f"sqlite:///{tmp_path / 'state.sqlite'}"
    elsewhere = load_settings({"ECHELON_LAKE": "s3://bucket/lake", "ECHELON_PUBLISHED": "/srv/e.duckdb"})
    assert (elsewhere.lake_root, elsewhere.published_file) == ("s3://bucket/lake", Path("/srv/e.duckdb"))


def test_the_kalshi_bound_applies_to_kalshi_only() -> None:
    settings = load_settings({"ECHELON_MAX_INSTRUMENTS": "40", "KALSHI_MAX_INSTRUMENTS": "0"})
    assert (settings.instruments_bound("kalshi"), settings.instruments_bound("polymarket")) == (0, 40)
    assert load_settings({"ECHELON_MAX_INSTRUMENTS": "40"}).instruments_bound("kalshi") == 40


CODE, OTHER = f"0x{0xA:064x}", "0x" + "Fe" * 32


def test_builder_codes_are_separated_by_commas() -> None:
    assert load_settings({"ECHELON_BUILDER_CODE": f" {CODE} ,{OTHER},"}).builder_codes == (CODE, OTHER)
    assert load_settings({}).builder_codes == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *(
            (
                "ECHELON_BUILDER_CODE",
                v,
                "a builder code is 0x and 64 hexadecimal digits, several are separated by commas; code . of . is not",
            )
            for v in ("zzz", "0xa", CODE[2:], CODE + "0", f"{CODE} {OTHER}", f"{CODE},0x" + "g" * 64)
        ),
        ("ECHELON_BUILDER_CODE", f"{CODE},{OTHER[:-1]}", "code 2 of 2 is not: it has 65 characters"),
        ("ECHELON_BUILDER_CODE", f"{CODE},0x{0:064x}", "code 2 of 2 is the zero code"),
        ("ECHELON_BUILDER_CODE", f"{OTHER},{OTHER.lower()}", "code 2 of 2 is there twice"),
        *(
            ("ECHELON_UI_HOSTS", v, "without scheme, port and path")
            for v in ("http://x", "x:3000", "x/", "a b", "a,http://b", "user@x", "[::1]:3000", "*", "-x")
        ),
        *(("ECHELON_USER_AGENT", v, "one line of printable ASCII") for v in ("a\nb", "a\r\nX: y", " a", "a\t", "ä")),
        *(
            (name, v, "another character that a key cannot have")
            for name in ("KALSHI_API_KEY", "POLYMARKET_API_KEY", "ECHELON_POLYMARKET_API_PASSPHRASE")
            for v in ("a\nb", "a ", "ä")
        ),
    ],
)
def test_a_value_that_would_fail_later_is_refused_when_settings_are_loaded(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSettings, match=f"{name}: .*{said}"):
        load_settings({name: value})


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity", "1e999"])
def test_a_duration_must_be_a_finite_number(value: str) -> None:
    names = [name for name, field in env_names().items() if Settings.model_fields[field].annotation is float]
    assert "ECHELON_HTTP_TOTAL" in names
    for name in names:
        with pytest.raises(BadSettings, match=f"{name}: Input should be"):
            load_settings({name: value})


@pytest.mark.parametrize(
    "hosts", ["echelon.example", "box, box.local,10.0.0.7", "::1,[fd00::1]", "a_b", "xn--e1a.example."]
)
def test_ui_hosts_may_be_names_and_addresses(hosts: str) -> None:
    assert load_settings({"ECHELON_UI_HOSTS": hosts}).ui_hosts_allowed == tuple(h.strip() for h in hosts.split(","))


def test_a_user_agent_may_contain_any_printable_ascii() -> None:
    agent = "me/1 (+https://me.example; mail)"
    assert load_settings({"ECHELON_USER_AGENT": agent}).user_agent == agent


@pytest.mark.parametrize("parts", [("dagster.yaml",), ("workspace.yaml",), ("sql", "macros", "utc_day.sql")])
def test_files_of_the_project_are_found(parts: tuple[str, ...]) -> None:
    assert project_file(*parts).is_file()
