"""The files of docs/deploy: each is loaded by the program that reads it, or by the rules that it must keep."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from echelon_pipeline.cli import app
from echelon_pipeline.commands import webserver
from echelon_pipeline.settings import Settings, env_names, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
UNITS = sorted(p for p in DEPLOY.iterdir() if p.suffix in (".service", ".timer"))
# Variables that are read by others: Dagster, Postgres' image, libraries.
OTHERS = {
    "DAGSTER_HOME",
    "DAGSTER_DISABLE_TELEMETRY",
    "DAGSTER_POSTGRES_URL",
    "POSTGRES_PASSWORD",
    "NUMBA_CACHE_DIR",
    "MPLCONFIGDIR",
    "PYTHONUNBUFFERED",
    "PATH",
    *("PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR", "PIP_NO_INPUT"),
}


def parsed(command: Sequence[str]) -> None:
    """Parses a command line as its program does, without running it. Raises the program's own error."""
    name, *arguments = [word.replace("/etc/echelon", str(DEPLOY)) for word in command]
    if name == "python" and arguments[:2] == ["-m", "echelon_pipeline.commands.webserver"]:
        webserver.parser().parse_args(arguments[2:])
        return
    if name == "python" and arguments[0] == "-c":
        compile(arguments[1], "-c", "exec")
        return
    program = _program(Path(name).name)
    while hasattr(program, "commands"):  # a group; typer and Dagster have classes of their own
        program = program.commands[arguments.pop(0)]
    program.make_context(name, list(arguments))


def _program(name: str) -> Any:
    if name == "echelon":
        return typer.main.get_command(app)
    if name == "dagster":
        from dagster._cli import create_dagster_cli

        return create_dagster_cli()  # type: ignore[no-untyped-call]
    from dagster._daemon.cli import create_dagster_daemon_cli

    assert name == "dagster-daemon"
    return create_dagster_daemon_cli()


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: name and the rest."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(name, rest) for name, rest in found]


def stages() -> list[list[tuple[str, str]]]:
    made: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            made.append([])
        if made:
            made[-1].append((name, rest))
    return made


def test_the_image_is_built_in_two_stages_and_runs_as_an_ordinary_user() -> None:
    known = {
        "ARG",
        "FROM",
        "ENV",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {name for name, _ in instructions()} <= known
    build, last = stages()
    assert build[0][1].endswith(" AS build")
    names = [name for name, _ in last]
    (user,) = [rest for name, rest in last if name == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "by number: orchestrators check it"
    assert "RUN" not in names[names.index("USER") :]
    assert {"HEALTHCHECK", "VOLUME", "ENTRYPOINT"} <= set(names)
    assert not any(word in rest for _, rest in last for word in ("pip", "requirements.lock")), "only the build installs"


def test_the_image_takes_its_packages_from_the_lock_by_hash() -> None:
    runs = [rest for name, rest in stages()[0] if name == "RUN"]
    installing = [part for run in runs for part in run.split("&&") if "pip " in part]
    assert installing
    for part in installing:
        assert "--require-hashes" in part or "--no-index" in part, part
    for run in [rest for name, rest in instructions() if name == "RUN"]:
        assert subprocess.run(["bash", "-n", "-c", run], check=False).returncode == 0, run


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file into the build."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and (fnmatch(path, pattern) or pattern == "**"):
            sent = line.startswith("!")
    return sent


def test_what_the_image_copies_exists_and_is_sent_to_the_build() -> None:
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from=" not in rest]
    for path in [path for paths in copied for path in paths if path != "."]:
        assert (ROOT / path).is_file(), path
        assert is_sent(path), path
    wheel = ["echelon_pipeline/cli.py", "sql/marts/daily.sql", "dagster.yaml", "workspace.yaml", "README.md", "LICENSE"]
    assert [path for path in wheel if not is_sent(path)] == []
    assert [p for p in (".env", "docs/deploy/.env", ".venv/bin/python", ".echelon/state.sqlite") if is_sent(p)] == []


def test_variables_of_the_image_and_of_services_are_known() -> None:
    named = {pair.split("=")[0] for name, rest in instructions() if name == "ENV" for pair in shlex.split(rest)}
    named |= {name for service in OURS for name in SERVICES[service]["environment"]}
    for unit in UNITS:
        for line in re.findall(r"^Environment=(.+)$", unit.read_text(encoding="utf-8"), flags=re.MULTILINE):
            named |= {pair.split("=")[0] for pair in line.split()}
    assert named - OTHERS - set(env_names()) == set()


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_service_is_one_that_its_program_accepts(name: str) -> None:
    parsed(SERVICES[name]["command"])
    if "healthcheck" in SERVICES[name]:
        parsed(SERVICES[name]["healthcheck"]["test"][1:])


def test_the_image_s_commands_are_ones_that_their_programs_accept() -> None:
    last = {name: rest for name, rest in stages()[1] if name in ("ENTRYPOINT", "CMD", "HEALTHCHECK")}
    parsed([*yaml.safe_load(last["ENTRYPOINT"]), *yaml.safe_load(last["CMD"])])
    parsed(yaml.safe_load(last["HEALTHCHECK"].partition("CMD ")[2]))


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_of_the_web_pages_asks_them(status: int, code: int) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/server_info" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = SERVICES["web"]["healthcheck"]["test"][-1].replace(":3000/", f":{server.server_port}/")
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
        server.shutdown()
    assert done.returncode == code


def test_services_start_in_order_and_are_reachable_from_this_machine_only() -> None:
    for name, service in SERVICES.items():
        for before, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[before], f"{name} waits for {before}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        tag = service["image"].partition(":")[2]
        assert tag not in ("", "latest"), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), volume
        assert (DEPLOY / COMPOSE["x-echelon"]["build"]["dockerfile"].removeprefix("docs/deploy/")).is_file()
    assert {"code", "web", "daemon", "postgres", "redis"} <= set(SERVICES)


def test_the_databases_of_services_are_created_and_are_three() -> None:
    """Dagster and the state database both have a table alembic_version."""
    made = re.findall(r"CREATE DATABASE (\w+)", COMPOSE["configs"]["databases"]["content"])
    used = {
        SERVICES["code"]["environment"][name].rpartition("/")[2]
        for name in ("DAGSTER_POSTGRES_URL", "ECHELON_STATE_URL")
    }
    assert used == {"dagster", "state"}
    assert {SERVICES["postgres"]["environment"]["POSTGRES_DB"], *made} == {"dagster", "state", "mirror"}


def test_the_services_settings_load() -> None:
    password = {"${POSTGRES_PASSWORD:?set it in .env}": "a1b2"}
    for name in OURS:
        values = dict(SERVICES[name]["environment"])
        for key, value in values.items():
            for text, replaced in password.items():
                values[key] = value.replace(text, replaced)
        settings = load_settings(values)
        assert settings.state_url is not None
        assert settings.dagster_home == Path(values["DAGSTER_HOME"])


def lines(path: Path) -> list[tuple[bool, str, str]]:
    """(is commented out, name, value) of each line of an environment file."""
    found = re.findall(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [(bool(mark), name, value) for mark, name, value in found]


def test_the_example_of_an_environment_loads_and_shows_the_defaults() -> None:
    example = lines(DEPLOY / "env.example")
    fields = env_names()
    assert {name for _, name, _ in example} - OTHERS - set(fields) == set()
    settings = load_settings({name: value for commented, name, value in example if not commented})
    assert (settings.schedules, settings.log_format) == (True, "json")
    for commented, name, value in example:
        if commented and name in fields:
            default = Settings.model_fields[fields[name]].default
            assert value == ("" if default is None else str(default)), name


def test_the_code_server_s_location_has_the_name_of_the_workspace() -> None:
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace.code.yaml")])
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    top = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    assert origin.location_name == top["load_from"][0]["python_module"]["location_name"]
    command = SERVICES["code"]["command"]
    assert command[command.index("--location-name") + 1] == origin.location_name
    assert int(command[command.index("--port") + 1]) == origin.port
    assert origin.host in SERVICES


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """Copies of the units with a program that exists on this machine."""
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/echelon/bin/echelon", shutil.which("true") or "/bin/true")
        (tmp_path / path.name).write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    return [str(tmp_path / path.name) for path in UNITS]


def test_units_are_ones_that_systemd_accepts_and_that_can_do_little_harm(installed: list[str]) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *installed], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    services = [path for path in installed if path.endswith(".service")]
    for path in services:
        how = ["systemd-analyze", "security", "--offline=yes", "--threshold=50", path]
        safe = subprocess.run(how, capture_output=True, text=True, check=False)
        assert safe.returncode == 0, safe.stdout.splitlines()[-1]


@pytest.mark.parametrize("path", [p for p in UNITS if p.suffix == ".service"], ids=lambda p: p.name)
def test_the_command_of_a_unit_is_one_that_the_program_accepts(path: Path) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(path, encoding="utf-8")
    parsed(shlex.split(unit["Service"]["ExecStart"]))
    assert unit["Service"]["User"] == "echelon"


def test_the_page_names_every_file() -> None:
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in DEPLOY.iterdir() if p.name != "README.md" and p.name not in page] == []
