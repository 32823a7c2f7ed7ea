"""The site of docs/: every page is in the navigation, every link leads somewhere, and no page loads anything from
elsewhere. ``make docs`` builds it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from echelon_pipeline.settings import project_file

ROOT = project_file("mkdocs.yml").parent
DOCS = ROOT / "docs"
MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
PAGES = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
# What a page loads by itself; links that a reader follows may lead anywhere.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]+src=\"?(https?:)?//|<link[^>]+(?:stylesheet|preconnect)[^>]+(https?:)?//"
)


def config() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def entries(nav: object) -> Iterator[str]:
    """The pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for value in nav.values():
            yield from entries(value)
    elif isinstance(nav, list):
        for value in nav:
            yield from entries(value)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(entries(config()["nav"])) == PAGES


def test_building_is_strict_and_loads_nothing_from_elsewhere() -> None:
    found = config()
    assert found["strict"] is True
    assert found["theme"]["font"] is False
    scripts = [*found["extra"]["polyfills"], *found["extra_css"]]
    assert all((DOCS / script).is_file() for script in scripts)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the site and GitHub make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", h.replace("`", "").replace("…", "").lower()).strip() for h in headings)
    return {re.sub(r"[-\s]+", "-", h) for h in plain}


@pytest.mark.parametrize("page", [*(f"docs/{p}" for p in PAGES), "README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files_and_headings(page: str) -> None:
    path, missing = ROOT / page, []
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in _LINK.findall(text):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert not missing


@pytest.mark.slow
def test_the_site_builds_strictly_and_needs_no_network(tmp_path: Path) -> None:
    if not MKDOCS.exists():
        pytest.skip("no .venv-docs: `make docs` builds it")
    command = [str(MKDOCS), "build", "--strict", "--site-dir", str(tmp_path), "--config-file", str(ROOT / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = sorted(tmp_path.rglob("*.html"))
    names = {p.relative_to(tmp_path).with_suffix(".md").as_posix() for p in built}
    assert names - {"404.md"} == {page.replace("README.md", "index.md") for page in PAGES}
    assert [p.name for p in built if _LOADED.search(p.read_text(encoding="utf-8"))] == []
    assert "dead letter" in (tmp_path / "search" / "search_index.js").read_text(encoding="utf-8")
