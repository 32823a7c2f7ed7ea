"""What the analyst's pages promise holds on a file that the pipeline published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops import answers
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import project_file
from echelon_pipeline.sqltools.statements import Statement, statements
from echelon_pipeline_tests.integration.conftest import Ingested
from echelon_pipeline_tests.pipeline import settings_for

pytestmark = pytest.mark.xdist_group("ingested")

QUESTIONS = statements("analyst")


@pytest.fixture(scope="module")
def published(sandbox: SandboxProcess, ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = shutil.copytree(ingested.settings.home, tmp_path_factory.mktemp("analyst") / "home")
    settings = settings_for(home, sandbox.env())
    list(Refresh(settings).run())
    publish(settings, force=True)
    return settings.published_file


@pytest.fixture
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with read_published(published) as opened:
        yield opened


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name.rpartition("/")[2])
def test_a_question_is_answered_with_the_columns_that_the_page_shows(
    connection: duckdb.DuckDBPyConnection, question: Statement
) -> None:
    text = project_file("docs").joinpath(answers.path_of(question)).read_text(encoding="utf-8")
    result = connection.execute(question.text)
    columns = [column[0] for column in result.description or ()]
    shown = text.split(f"```sql\n{answers.body(question)}\n```\n\n")
    assert len(shown) == 2, "the page shows another statement: python -m echelon_pipeline.ops.answers <file>"
    assert shown[1].splitlines()[0] == "| " + " | ".join(columns) + " |"
    assert shown[1].splitlines()[2].startswith("| "), "the page shows no answer"


def test_every_question_has_one_page_that_the_first_page_links(connection: duckdb.DuckDBPyConnection) -> None:
    made = answers.pages(connection)
    assert len(made) == len(QUESTIONS) + 1 == 14
    docs = project_file("docs")
    assert {f"questions/{p.name}" for p in (docs / "questions").glob("*.md")} == made.keys() - {answers.PAGE}
    for question in QUESTIONS:
        assert made[answers.path_of(question)].count(f"```sql\n{answers.body(question)}\n```") == 1
        assert made[answers.PAGE].count(f"]({answers.path_of(question)})") == 1
    assert made[answers.PAGE] == (docs / answers.PAGE).read_text(encoding="utf-8")
