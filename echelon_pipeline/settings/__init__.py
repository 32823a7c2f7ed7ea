"""The only reader of environment variables and paths.

Belongs here: every setting with its name, type, default and meaning (``docs/settings.md`` is generated
from the field descriptions), and the places of files. Secrets are ``SecretStr``: their values never
print. Nothing below this module reads ``os.environ``. Settings that decide what the data says are recorded in
the home by the first command that builds it; from then on the recorded values win.

    places.py     which folders and files can be used everywhere
    urls.py       which URLs can be used, and messages without their secrets
    recorded.py   the settings that a home was built with, as a file
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings.places import usable_path
from echelon_pipeline.settings.recorded import FILE as RECORDED_FILE
from echelon_pipeline.settings.recorded import read_recorded, write_recorded
from echelon_pipeline.settings.urls import POSTGRES, REDIS, STATE, STORES, check_url, is_host

KALSHI_PROD = "https://external-api.kalshi.com/trade-api/v2"
KALSHI_DEMO = "https://external-api.demo.kalshi.co/trade-api/v2"

# Secrets that are URLs. Dagster reads the last one itself: it is not a field, and is checked with the others.
_SCHEMES = {"state_url": STATE, "postgres_url": POSTGRES, "redis_url": REDIS}
DAGSTER_URL = "DAGSTER_POSTGRES_URL"


STATE_FILE = "state.sqlite"


class Settings(BaseModel):
    """Everything that can be set. Durations are seconds, sizes as named. See ``docs/settings.md``."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False)

    # --- places
    home: Path = Field(
        Path(".echelon"), validate_default=True, description="Folder of the lake, the published file, state and logs."
    )
    lake: str | None = Field(None, description="Lake root: a folder or object-store URL. Default: <home>/lake.")
    published: Path | None = Field(None, description="Published DuckDB file. Default: <home>/echelon.duckdb.")
    keep_publications: int = Field(3, ge=1, description="How many publications are kept, the current one included.")
    publish_every: int = Field(300, ge=0, description="Least seconds between two publications that nobody asked for.")
    memory_limit_mb: int = Field(
        512, ge=64, description="Memory limit of each DuckDB computation; above it, it spills."
    )
    threads: int = Field(2, ge=1, description="Threads of each DuckDB computation.")
    raw_flush_objects: int = Field(
        20_000, ge=1, le=40_000, description="Raw objects kept in memory before they are written and derived."
    )
    raw_retention_days: int = Field(
        0,
        ge=0,
        description="Maintenance deletes raw objects last served longer ago than this many days; 0 keeps all.",
    )
    merge_tries: int = Field(10, ge=1, description="Tries to commit against concurrent writers.")
    min_free_mb: int = Field(200, ge=0, description="Refuse to start a unit of work below this much free disk.")

    # --- time
    now: datetime | None = Field(None, description="Frozen clock (ISO 8601, UTC) for recorded or sandbox universes.")
    start_date: date | None = Field(None, description="First UTC day of the partitions. Default: now - days_back.")
    days_back: int = Field(7, ge=0, description="How many days before today the first run ingests.")

    # --- bounds of the first run
    max_instruments: int = Field(
        500, ge=0, description="Instruments per venue, by 24 h volume; 0 is all. KALSHI_MAX_INSTRUMENTS wins on Kalshi."
    )
    min_volume: int = Field(0, ge=0, description="Least total volume (contracts or USD) for an instrument to be kept.")
    history_days: int = Field(
        7, ge=0, description="Settled instruments that closed within this many days are listed too."
    )
    reread_days: int = Field(
        30,
        ge=1,
        description="Fills that are not final are asked about again for this many days, and so are payouts that Gamma "
        "calls final and Data API v2 does not know. Other payouts are asked about until they are final.",
    )
    parlays_max: int = Field(
        200,
        ge=0,
        description="Open Kalshi combos kept per run, most traded in 24 h first, then newest; 0 is none. "
        "Their legs become instruments.",
    )
    parlays_scan: int = Field(10_000, ge=1, description="Open Kalshi combos looked at per run, newest first.")
    parlays_reread: int = Field(
        1_000, ge=0, description="Known Kalshi combos that are not settled, read again per run."
    )
    parlay_collections: str | None = Field(
        None, description="Collections whose combos are kept, comma-separated tickers. Default: all."
    )
    overlap_minutes: int = Field(15, ge=0, description="How far a trade walk reads into what was read before.")

    # --- marts
    trend_short_days: int = Field(7, ge=2, description="Short window of price trends, in days.")
    trend_long_days: int = Field(30, ge=3, description="Long window of price trends, in days.")
    late_hours: int = Field(
        6, ge=0, description="Rows first observed later than this many hours after their UTC day count as late."
    )
    stale_hours: int = Field(
        3, ge=1, description="A table that nothing was read for in this many hours counts as stale."
    )
    max_unread_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Share of a table's rows of a UTC day that may be unread (dead letters) before health and the "
        "no_dead_letters checks are red.",
    )

    # --- behaviour
    schedules: bool = Field(False, description="Start schedules and sensors by default.")
    ui_hosts: str | None = Field(
        None,
        description="Names that `echelon ui` may be asked for by, beside loopback; comma-separated, without ports.",
    )
    builder_code: str | None = Field(
        None, description="Builder code(s), 0x and 64 hex digits, comma-separated; their fills are ingested."
    )
    log_level: str = Field(
        "INFO", validation_alias=AliasChoices("LOG_LEVEL", "log_level"), description="Level of the log."
    )
    user_agent: str = Field("echelon-pipeline", description="User-Agent header of every request.")

    # --- shared client policy
    http_timeout: float = Field(
        30.0, gt=0, description="Seconds for connecting, and without a byte while an answer is read."
    )
    http_total: float = Field(
        120.0, gt=0, description="Seconds for one attempt of a request in all, from sending to the last byte."
    )
    http_body_mb: int = Field(64, ge=1, description="Largest answer, decoded; reading a larger one stops there.")
    http_retries: int = Field(5, ge=0, description="Retries of a request after a transient failure.")
    http_backoff: float = Field(0.5, gt=0, description="First retry delay in seconds; doubles, with jitter.")
    http_backoff_max: float = Field(30.0, gt=0, description="Longest retry delay in seconds.")
    http_concurrency: int = Field(4, ge=1, description="Requests of one venue under way at once.")
    breaker_failures: int = Field(8, ge=1, description="Exhausted requests in a row that stop the run.")
    ws_open_timeout: float = Field(10.0, gt=0, description="Seconds for opening a stream.")
    ws_ping_every: float = Field(10.0, gt=0, description="Seconds between keep-alives on a stream.")
    ws_pong_within: float = Field(20.0, gt=0, description="Seconds for the answer to a keep-alive.")
    ws_silence: float = Field(60.0, gt=0, description="Seconds without data after which a stream is opened anew.")
    ws_backoff: float = Field(1.0, gt=0, description="Shortest wait in seconds before a stream is opened anew.")
    ws_backoff_max: float = Field(60.0, gt=0, description="Longest such wait.")
    ws_steady: float = Field(60.0, gt=0, description="Seconds after which a stream's failures are forgotten.")
    ws_queue_frames: int = Field(10_000, ge=16, description="Frames of a stream held before reading from it pauses.")
    ws_queue_mb: int = Field(64, ge=1, description="Megabytes of a stream held before reading from it pauses.")
    ws_frame_mb: int = Field(
        16,
        ge=1,
        description="Largest message of a stream in megabytes, decompressed; a larger one ends the connection.",
    )
    capture_flush: float = Field(1.0, gt=0, description="Seconds after which received frames are durable.")
    capture_segment: float = Field(300.0, gt=0, description="Seconds of a segment of received frames.")
    capture_renew: float = Field(5.0, gt=0, description="Seconds before a lost book is asked for again.")
    latest_ttl: float = Field(
        60.0, gt=0, description="Seconds after which the latest state of a book is gone unless it is told again."
    )
    capture_waiting_mb: int = Field(64, ge=1, description="Received frames that may wait for the disk.")
    capture_retention_days: int | None = Field(
        None, ge=1, description="Days after which derived recordings are deleted. Default: never."
    )
    listeners_file: Path | None = Field(
        None, description="YAML file of listeners, read when listeners are looked after and it has changed."
    )
    listen_shift: float = Field(21_600.0, gt=0, description="Seconds after which a listener's shift ends.")
    listen_overlap: float = Field(
        60.0, gt=0, description="Seconds before that in which its successor records already, at most half a shift."
    )
    listen_lease: float = Field(
        30.0, gt=0, description="Seconds after which a listener that gives no sign of life counts as dead."
    )
    listen_retry: float = Field(60.0, gt=0, description="Seconds before a stream that refused us is asked again.")
    rate_scale: float = Field(
        1.0, gt=0, description="Multiplies every rate limit below; large values mean no waiting (sandbox)."
    )
    kalshi_rps: float = Field(10.0, gt=0, description="Kalshi requests per second (anonymous ceiling is undocumented).")
    gamma_rps: float = Field(20.0, gt=0, description="Gamma requests per second (published: 900 listing / 10 s).")
    clob_rps: float = Field(
        40.0, gt=0, description="CLOB requests per second (published: 1,000 prices-history / 10 s)."
    )
    data_rps: float = Field(15.0, gt=0, description="Data API requests per second (429s were measured near 30).")

    # --- Kalshi (names fixed by earlier users)
    kalshi_base_url: str | None = Field(
        None,
        validation_alias=AliasChoices("KALSHI_BASE_URL", "kalshi_base_url"),
        description="Kalshi REST base. Default: production, or demo with KALSHI_USE_DEMO or USE_TESTNET.",
    )
    kalshi_ws_url: str = Field(
        "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
        validation_alias=AliasChoices("KALSHI_WS_URL", "kalshi_ws_url"),
        description="Kalshi WebSocket URL.",
    )
    kalshi_ws_demo_url: str = Field(
        "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
        validation_alias=AliasChoices("KALSHI_WS_DEMO_URL", "kalshi_ws_demo_url"),
        description="Kalshi demo WebSocket URL.",
    )
    kalshi_use_demo: bool = Field(
        False,
        validation_alias=AliasChoices("KALSHI_USE_DEMO", "kalshi_use_demo"),
        description="Talk to Kalshi's demo environment, unless KALSHI_BASE_URL is set.",
    )
    kalshi_max_instruments: int | None = Field(
        None,
        ge=0,
        validation_alias=AliasChoices("KALSHI_MAX_INSTRUMENTS", "kalshi_max_instruments"),
        description="Instruments kept of Kalshi; 0 is all.",
    )
    kalshi_sleep_secs: float = Field(
        0.0,
        ge=0,
        validation_alias=AliasChoices("KALSHI_SLEEP_SECS", "kalshi_sleep_secs"),
        description="Extra pause before every Kalshi request.",
    )
    kalshi_batch_size: int = Field(
        100,
        ge=1,
        le=100,
        validation_alias=AliasChoices("KALSHI_BATCH_SIZE", "kalshi_batch_size"),
        description="Tickers per batch request (the venue's limit is 100).",
    )
    kalshi_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("KALSHI_API_KEY", "kalshi_api_key"),
        description="Kalshi key id; only read where a request must be signed.",
    )
    kalshi_private_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("KALSHI_PRIVATE_KEY", "kalshi_private_key"),
        description="Kalshi private key, PEM text.",
    )
    kalshi_private_key_path: Path | None = Field(
        None,
        validation_alias=AliasChoices("KALSHI_PRIVATE_KEY_PATH", "kalshi_private_key_path"),
        description="File of the Kalshi private key.",
    )
    kalshi_credentials_encryption_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("KALSHI_CREDENTIALS_ENCRYPTION_KEY", "kalshi_credentials_encryption_key"),
        description="Key of the credentials vault.",
    )

    # --- Polymarket (names fixed by earlier users)
    polymarket_api_url: str = Field(
        "https://clob.polymarket.com",
        validation_alias=AliasChoices("POLYMARKET_API_URL", "polymarket_api_url"),
        description="Polymarket CLOB REST base.",
    )
    polymarket_gamma_url: str = Field(
        "https://gamma-api.polymarket.com",
        validation_alias=AliasChoices("POLYMARKET_GAMMA_URL", "polymarket_gamma_url"),
        description="Polymarket Gamma base.",
    )
    polymarket_data_url: str = Field(
        "https://data-api.polymarket.com", description="Polymarket Data API base (v2 below /v2)."
    )
    polymarket_ws_url: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market",
        validation_alias=AliasChoices("POLYMARKET_WS_URL", "polymarket_ws_url"),
        description="Polymarket market channel.",
    )
    polymarket_user_ws_url: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/user",
        description="Polymarket user channel: an account's own orders and trades.",
    )
    polymarket_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("POLYMARKET_API_KEY", "polymarket_api_key"),
        description="Polymarket L2 API key; only read where a listener records its account (`own`).",
    )
    polymarket_api_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("POLYMARKET_API_SECRET", "polymarket_api_secret"),
        description="Polymarket L2 API secret, for the same.",
    )
    polymarket_api_passphrase: SecretStr | None = Field(None, description="Polymarket L2 API passphrase, for the same.")
    polymarket_private_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("POLYMARKET_PRIVATE_KEY", "polymarket_private_key"),
        description="Polymarket signer key.",
    )
    use_testnet: bool = Field(
        False,
        validation_alias=AliasChoices("USE_TESTNET", "use_testnet"),
        description="Use the venues' test environments where they have one.",
    )

    # --- servers
    postgres_url: SecretStr | None = Field(
        None, description="Postgres that gets a mirror of marts and reference tables. Default: no mirror."
    )
    postgres_reader: str = Field("echelon_reader", description="Postgres role that may read the mirror, if it exists.")
    state_url: SecretStr | None = Field(
        None, description="State database (SQLAlchemy URL). Default: <home>/state.sqlite."
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("REDIS_URL", "redis_url"), description="Redis for latest state."
    )

    @field_validator("now")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("home", "published")
    @classmethod
    def _usable(cls, value: Path | None) -> Path | None:
        return None if value is None else usable_path(value)

    @field_validator("lake")
    @classmethod
    def _usable_lake(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "://" not in value and not re.match(r"[\w+.-]+:", value):
            return str(usable_path(value))
        check_url(value, STORES, credentials=False)
        if re.search(r"[?*\[\]]", value):
            raise ValueError(
                "the URL of a lake has neither parameters, which the store's own variables take, nor patterns"
            )
        return value

    @field_validator("state_url", "postgres_url", "redis_url")
    @classmethod
    def _readable_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value(), _SCHEMES[str(info.field_name)])
        return value

    @field_validator(
        "kalshi_base_url",
        "kalshi_ws_url",
        "kalshi_ws_demo_url",
        "polymarket_api_url",
        "polymarket_gamma_url",
        "polymarket_data_url",
        "polymarket_ws_url",
        "polymarket_user_ws_url",
    )
    @classmethod
    def _readable_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            check_url(value, ("wss", "ws") if "ws_" in str(info.field_name) else ("https", "http"), credentials=False)
        return value

    @field_validator("builder_code")
    @classmethod
    def _codes(cls, value: str | None) -> str | None:
        for code in _listed(value):
            if not re.fullmatch(r"0[xX][0-9a-fA-F]{64}", code):
                raise ValueError("a builder code is 0x and 64 hexadecimal digits; several are separated by commas")
        return value

    @field_validator("ui_hosts")
    @classmethod
    def _names(cls, value: str | None) -> str | None:
        for host in _listed(value):
            if not is_host(host):
                raise ValueError("expected names or addresses of hosts, without scheme, port and path, comma-separated")
        return value

    @field_validator("user_agent")
    @classmethod
    def _header(cls, value: str) -> str:
        if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
            raise ValueError("expected printable ASCII in one line, with no blank at its ends")
        return value

    @field_validator("kalshi_api_key", "polymarket_api_key", "polymarket_api_secret", "polymarket_api_passphrase")
    @classmethod
    def _one_line(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("a blank, a line feed or another character that no key has stands in it")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("expected DEBUG, INFO, WARNING, ERROR or CRITICAL")
        return level

    # --- derived
    def clock(self) -> datetime:
        """Now in UTC: the frozen clock where one is set."""
        return self.now or datetime.now(UTC)

    @property
    def first_day(self) -> date:
        """First UTC day of the daily partitions."""
        return self.start_date or (self.clock() - timedelta(days=self.days_back)).date()

    @property
    def kalshi_rest(self) -> str:
        """Kalshi REST base in force."""
        if self.kalshi_base_url is not None:
            return self.kalshi_base_url
        return KALSHI_DEMO if self.kalshi_use_demo or self.use_testnet else KALSHI_PROD

    @property
    def kalshi_stream_url(self) -> str:
        """Kalshi's WebSocket URL: the explicit one, else demo's, else production's."""
        demo = self.kalshi_use_demo or self.use_testnet
        return self.kalshi_ws_demo_url if demo and "kalshi_ws_url" not in self.model_fields_set else self.kalshi_ws_url

    @property
    def lake_root(self) -> str:
        return self.lake or str(self.home / "lake")

    @property
    def capture_root(self) -> Path:
        """Where received frames are logged, by venue and connection."""
        return self.home / "capture"

    @property
    def published_file(self) -> Path:
        return self.published or self.home / "echelon.duckdb"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def scratch(self) -> Path:
        """Staging files of units of work; whatever lies here after a crash may be deleted."""
        return self.home / "scratch"

    @property
    def state_dsn(self) -> str:
        if self.state_url is not None:
            return self.state_url.get_secret_value()
        return f"sqlite:///{quote(str(self.home / STATE_FILE))}"

    @property
    def builder_codes(self) -> tuple[str, ...]:
        return _listed(self.builder_code)

    @property
    def ui_hosts_allowed(self) -> tuple[str, ...]:
        """Hosts beside loopback that the web pages answer for."""
        return _listed(self.ui_hosts)

    @property
    def parlay_collections_allowed(self) -> tuple[str, ...]:
        """Collections whose combos are kept; empty: all."""
        return _listed(self.parlay_collections)

    def instruments_bound(self, venue: Literal["kalshi", "polymarket"]) -> int:
        """How many instruments of a venue are kept; 0 is all."""
        if venue == "kalshi" and self.kalshi_max_instruments is not None:
            return self.kalshi_max_instruments
        return self.max_instruments


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def env_names() -> dict[str, str]:
    """Environment name of every setting, mapped to its field."""
    names: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        if isinstance(alias, AliasChoices):
            names[str(alias.choices[0])] = field
        else:
            names[f"ECHELON_{field.upper()}"] = field
    return names


# What these say decides which rows a home holds and what its marts say. The range of days is not among them: each
# run names its own.
SHAPES_DATA = (
    "now",
    "builder_code",
    "max_instruments",
    "kalshi_max_instruments",
    "min_volume",
    "history_days",
    "reread_days",
    "parlays_max",
    "parlays_scan",
    "parlays_reread",
    "parlay_collections",
    "overlap_minutes",
    "trend_short_days",
    "trend_long_days",
    "late_hours",
    "stale_hours",
    "max_unread_share",
)


@dataclass(frozen=True)
class Difference:
    """A setting whose value in the environment is not the one that the home was built with."""

    name: str
    environment: str
    home: str


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; of ``SHAPES_DATA`` those that the home was built with, where it says so.

    Raises BadSettings for an unknown ``ECHELON_*`` name (with the nearest known one) and for a value
    that cannot be used; the message names the variable and never shows its value.
    """
    values = _environment(environ)
    settings = _validated(values)
    recorded = _recorded(settings.home)
    return _validated({**values, **recorded}, settings.home / RECORDED_FILE) if recorded else settings


def record_settings(settings: Settings) -> None:
    """Records what the home is built with, unless it is recorded already. Raises BadSettings."""
    recorded = _recorded(settings.home)
    if not recorded.keys() >= set(SHAPES_DATA):  # a newer version may bring a setting that an older one did not record
        write_recorded(settings.home, {**_shaping(settings), **recorded}, first=not recorded)


def differences(environ: Mapping[str, str] | None = None) -> list[Difference]:
    """Settings that the environment sets to another value than the home was built with. Raises BadSettings."""
    given = _validated(_environment(environ))
    names = {field: name for name, field in env_names().items()}
    ours = _shaping(given)
    recorded = _shaping(load_settings(environ))
    changed = [f for f in SHAPES_DATA if f in given.model_fields_set and ours[f] != recorded[f]]
    return [Difference(names[f], _shown(ours[f]), _shown(recorded[f])) for f in changed]


def accept_settings(names: Sequence[str], environ: Mapping[str, str] | None = None) -> list[Difference]:
    """Records the environment's values of these variables, of all that differ without names; what was changed.

    A named variable that is not set gets its default. Raises BadSettings for a name that no home records.
    """
    known = {name: field for name, field in env_names().items() if field in SHAPES_DATA}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadSettings(f"{', '.join(unknown)}: no home records it; recorded are {', '.join(sorted(known))}")
    given = _validated(_environment(environ))
    ours, recorded = _shaping(given), _shaping(load_settings(environ))
    wanted = names or [d.name for d in differences(environ)]
    changed = [name for name in wanted if ours[known[name]] != recorded[known[name]]]
    write_recorded(given.home, {**recorded, **{known[name]: ours[known[name]] for name in changed}})
    return [Difference(name, _shown(ours[known[name]]), _shown(recorded[known[name]])) for name in changed]


def _environment(environ: Mapping[str, str] | None) -> dict[str, Any]:
    environ = os.environ if environ is None else environ
    known = env_names()
    for name in environ:
        if name.startswith("ECHELON_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise BadSettings(f"Unknown environment variable {name}.{hint}")
    try:
        check_url(environ.get(DAGSTER_URL) or "postgresql://localhost", POSTGRES)
    except ValueError as error:
        raise BadSettings(f"Settings that cannot be used: {DAGSTER_URL}: {error}") from None
    return {field: environ[name] for name, field in known.items() if environ.get(name, "") != ""}


def _validated(values: Mapping[str, Any], file: Path | None = None) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        by_field = {field: name for name, field in env_names().items()}
        problems = "; ".join(
            f"{by_field.get(str(item['loc'][0]), item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
        where = f"{file}: settings" if file else "Settings"
        raise BadSettings(f"{where} that cannot be used: {problems}") from None


def _recorded(home: Path) -> dict[str, Any]:
    return {field: value for field, value in read_recorded(home).items() if field in SHAPES_DATA}


def _shaping(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=set(SHAPES_DATA))


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def dagster_url() -> str:
    """Where Dagster's own records are, if not in the home; empty if there. For taking it out of messages."""
    return os.environ.get(DAGSTER_URL, "")


def project_file(*parts: str) -> Path:
    """A file of ``sql/`` or the top level, from the repository or from inside the wheel."""
    package = Path(__file__).parents[1]
    for root in (package.parent, package / "_deploy"):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    if parts[0] == "sql":
        return (package / "_sql").joinpath(*parts[1:])
    return package.parent.joinpath(*parts)
