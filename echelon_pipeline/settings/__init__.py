"""The only reader of environment variables and paths.

    model.py         all settings as one object
    group.py         what all groups share
    home.py          places and limits of a home, its clock
    scope.py         what is ingested, and what marts say
    clients.py       how venues are asked
    capture.py       recording of streams, listeners
    kalshi.py        Kalshi: URLs, rates, keys
    polymarket.py    Polymarket: URLs, rates, keys
    servers.py       schedules, log, web pages, databases
    environment.py   settings from the environment, and those that a home was built with
    recorded.py      the file of those
    places.py        which folders and files can be used everywhere
    urls.py          which URLs can be used, and messages without their secrets
    files.py         files that are shipped with the package

Belongs here: every setting with its name, type, default and meaning (``docs/settings.md`` is generated
from the field descriptions), and the places of files. Secrets are ``SecretStr``: their values never
print. No other room reads ``os.environ``. Settings that decide what the data says are recorded in
the home by the first command that builds it; from then on the recorded values win.
"""

from echelon_pipeline.settings.environment import (
    DAGSTER_URL,
    SHAPES_DATA,
    Difference,
    accept_settings,
    dagster_url,
    differences,
    env_names,
    load_settings,
    record_settings,
)
from echelon_pipeline.settings.files import project_file
from echelon_pipeline.settings.kalshi import KALSHI_DEMO, KALSHI_PROD
from echelon_pipeline.settings.model import GROUPS, Settings
from echelon_pipeline.settings.servers import STATE_FILE

__all__ = [
    "DAGSTER_URL",
    "GROUPS",
    "KALSHI_DEMO",
    "KALSHI_PROD",
    "SHAPES_DATA",
    "STATE_FILE",
    "Difference",
    "Settings",
    "accept_settings",
    "dagster_url",
    "differences",
    "env_names",
    "load_settings",
    "project_file",
    "record_settings",
]
