"""Kalshi: URLs, rates, keys. Names without ECHELON_ are established names that users already have.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from echelon_pipeline.settings.group import Group, OptionalHttpUrl, OptionalKey, WsUrl

KALSHI_PROD = "https://external-api.kalshi.com/trade-api/v2"
KALSHI_DEMO = "https://external-api.demo.kalshi.co/trade-api/v2"


class KalshiSettings(Group):
    """Kalshi"""

    kalshi_rps: float = Field(
        10.0, gt=0, description="Kalshi requests per second (the limit without a key is undocumented)."
    )
    kalshi_base_url: OptionalHttpUrl = Field(
        None,
        validation_alias="KALSHI_BASE_URL",
        description="Kalshi REST base URL. Default: production, or demo with KALSHI_USE_DEMO or USE_TESTNET.",
    )
    kalshi_ws_url: WsUrl = Field(
        "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
        validation_alias="KALSHI_WS_URL",
        description="Kalshi WebSocket URL.",
    )
    kalshi_ws_demo_url: WsUrl = Field(
        "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
        validation_alias="KALSHI_WS_DEMO_URL",
        description="Kalshi demo WebSocket URL.",
    )
    kalshi_use_demo: bool = Field(
        False,
        validation_alias="KALSHI_USE_DEMO",
        description="Use Kalshi's demo environment, unless KALSHI_BASE_URL is set.",
    )
    use_testnet: bool = Field(
        False,
        validation_alias="USE_TESTNET",
        description="Use the test environment of each venue that has one.",
    )
    kalshi_max_instruments: int | None = Field(
        None,
        ge=0,
        validation_alias="KALSHI_MAX_INSTRUMENTS",
        description="Kalshi instruments to ingest; 0 is all. Default: ECHELON_MAX_INSTRUMENTS.",
    )
    kalshi_sleep_secs: float = Field(
        0.0,
        ge=0,
        validation_alias="KALSHI_SLEEP_SECS",
        description="Extra pause before every Kalshi request.",
    )
    kalshi_batch_size: int = Field(
        100,
        ge=1,
        le=100,
        validation_alias="KALSHI_BATCH_SIZE",
        description="Tickers per batch request (the venue's limit is 100).",
    )
    kalshi_api_key: OptionalKey = Field(
        None,
        validation_alias="KALSHI_API_KEY",
        description="Kalshi key id; only used for requests that must be signed.",
    )
    kalshi_private_key: SecretStr | None = Field(
        None,
        validation_alias="KALSHI_PRIVATE_KEY",
        description="Kalshi private key, PEM text.",
    )
    kalshi_private_key_path: Path | None = Field(
        None,
        validation_alias="KALSHI_PRIVATE_KEY_PATH",
        description="PEM file of the Kalshi private key.",
    )
    kalshi_credentials_encryption_key: SecretStr | None = Field(
        None,
        validation_alias="KALSHI_CREDENTIALS_ENCRYPTION_KEY",
        description="Key of the credentials vault.",
    )

    @property
    def kalshi_rest(self) -> str:
        """The Kalshi REST base URL in use."""
        if self.kalshi_base_url is not None:
            return self.kalshi_base_url
        return KALSHI_DEMO if self.kalshi_use_demo or self.use_testnet else KALSHI_PROD

    @property
    def kalshi_stream_url(self) -> str:
        """The Kalshi WebSocket URL in use: the explicit one, else demo, else production."""
        demo = self.kalshi_use_demo or self.use_testnet
        return self.kalshi_ws_demo_url if demo and "kalshi_ws_url" not in self.model_fields_set else self.kalshi_ws_url
