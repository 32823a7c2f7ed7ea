"""The examples of ``docs/python.md`` give the results that the page shows."""

from __future__ import annotations

import doctest

import pytest

from echelon_pipeline.settings import Settings, project_file


@pytest.mark.xdist_group("reader")
def test_every_example_gives_what_the_page_shows(reader_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader_home.home.parent)
    monkeypatch.setenv("POLARS_FMT_MAX_COLS", "8")
    page = project_file("docs") / "python.md"
    text = page.read_text(encoding="utf-8").replace("\n```", "\n")  # a fence is no output
    examples = doctest.DocTestParser().get_doctest(text, {}, "docs/python.md", str(page), 0)
    assert len(examples.examples) > 20
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert result.failed == 0, "".join(report)
