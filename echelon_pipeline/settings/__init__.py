"""The only reader of environment variables and paths.

    model.py         all settings as one object
    group.py         the base of all groups of settings
    home.py          paths and limits of a home, its clock
    retention.py     how long things are kept
    scope.py         which data is ingested, parameters of marts
    clients.py       policy of requests and streams
    capture.py       recording of streams, listeners
    kalshi.py        Kalshi: URLs, rates, keys
    polymarket.py    Polymarket: URLs, rates, keys
    servers.py       schedules, log, web pages, databases
    alerts.py        where alerts go
    environment.py   reads settings from the environment and from the home's record
    recorded.py      reads and writes the home's record of its settings
    places.py        validates folders and files
    urls.py          validates URLs, removes their secrets from messages
    files.py         finds files that are shipped with the package

Belongs here: every setting with its name, type, default and meaning (``docs/settings.md`` is generated from the field
descriptions), and the paths of files. Secrets are ``SecretStr``: their values are never printed. No other room reads
``os.environ``. The first command that builds a home records the settings that shape its data in the home; afterwards
the recorded values override the environment.
"""

from echelon_pipeline.settings.environment import (
    DAGSTER_URL,
    SHAPES_DATA,
    Difference,
    accept_settings,
    dagster_url,
    differences,
    env_names,
    is_log_json,
    load_settings,
    record_settings,
    shareable,
    unshared,
    with_values,
)
from echelon_pipeline.settings.files import project_file
from echelon_pipeline.settings.home import RESTORING
from echelon_pipeline.settings.kalshi import KALSHI_DEMO, KALSHI_PROD
from echelon_pipeline.settings.model import GROUPS, Settings
from echelon_pipeline.settings.servers import STATE_FILE

__all__ = [
    "DAGSTER_URL",
    "GROUPS",
    "KALSHI_DEMO",
    "KALSHI_PROD",
    "RESTORING",
    "SHAPES_DATA",
    "STATE_FILE",
    "Difference",
    "Settings",
    "accept_settings",
    "dagster_url",
    "differences",
    "env_names",
    "is_log_json",
    "load_settings",
    "project_file",
    "record_settings",
    "shareable",
    "unshared",
    "with_values",
]
