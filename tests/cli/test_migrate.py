"""The command brings an embedded database to the schema, twice without harm, and names one that cannot be reached."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from app.cli import migrate
from app.cli.exits import CommandError, Exit
from app.store.migrate import HEAD


@pytest.mark.postgres
def test_an_embedded_database_is_migrated_and_then_left_alone(home):
    for _ in range(2):
        ended = CliRunner().invoke(migrate.app, ["--home", str(home)])
        assert ended.exit_code == 0, ended.output
        assert f"schema {HEAD}" in ended.output


def test_a_database_that_does_not_answer_is_unreachable():
    ended = CliRunner().invoke(migrate.app, ["--database-url", "postgresql://x:y@127.0.0.1:1/z"])
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.UNREACHABLE
