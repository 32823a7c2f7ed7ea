"""The wheel: built offline, it has everything that a command needs, and works without the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from echelon_pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-index", "--no-deps"]


def run(*command: str | Path, **environ: str) -> str:
    """Standard output of a command that runs outside of the repository."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ECHELON_", "DAGSTER_", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd="/",
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


def test_the_version_is_one_and_the_changelog_has_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    titles = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert __version__ in [title.split()[0] for title in titles]


def test_the_wheel_has_every_module_and_statement_and_no_test(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {p.relative_to(ROOT).as_posix() for p in (ROOT / "echelon_pipeline").rglob("*.py")}
    wanted |= {f"echelon_pipeline/_sql/{p.relative_to(ROOT / 'sql').as_posix()}" for p in (ROOT / "sql").rglob("*.sql")}
    wanted |= {f"echelon_pipeline/_deploy/{name}" for name in ("dagster.yaml", "workspace.yaml")}
    assert wanted - names == set()
    assert [n for n in names if n.startswith(("echelon_pipeline_tests", "benchmarks", "docs"))] == []
    assert wheel.name.startswith(f"echelon_pipeline-{__version__}-")


def test_the_command_of_the_wheel_says_its_version(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, *PIP, "--target", tmp_path, wheel)
    only = {"PYTHONPATH": str(tmp_path)}
    where = run(sys.executable, "-c", "import echelon_pipeline; print(echelon_pipeline.__file__)", **only)
    assert where.startswith(str(tmp_path))
    assert run(sys.executable, tmp_path / "bin" / "echelon", "--version", **only) == f"echelon {__version__}\n"


@pytest.mark.slow
def test_an_environment_with_the_wheel_publishes_and_loads_its_definitions(wheel: Path, tmp_path: Path) -> None:
    """Dependencies are those of this environment: a file .pth names them, and does not lead to the repository."""
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip())
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", python, *PIP[2:], wheel)
    echelon = tmp_path / "venv" / "bin" / "echelon"
    home: Mapping[str, str] = {"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_MIN_FREE_MB": "0"}
    assert run(echelon, "--version") == f"echelon {__version__}\n"
    assert "published" in run(echelon, "publish", **home)
    assert "core.trades" in run(echelon, "sql", "FROM meta.publication SELECT table_name", "--format", "csv", **home)
    assert "installed without the repository" in run(echelon, "doctor", "--offline", **home)
    loaded = (
        "from echelon_pipeline.definitions import defs; print(len(defs.resolve_asset_graph().get_all_asset_keys()))"
    )
    assert int(run(python, "-W", "ignore", "-c", loaded, **home)) > 50
