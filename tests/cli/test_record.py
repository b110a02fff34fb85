"""`bestex record` is `bestex up` with a folder, and never writes over a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import record, up
from app.cli.exits import CommandError, Exit


def test_the_gateway_is_served_with_a_recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(up, "serve", lambda settings, home: served.append((settings, home)))
    home = tmp_path / "home"
    ended = CliRunner().invoke(record.app, [str(tmp_path / "rec"), "--port", "8123", "--home", str(home)])
    assert ended.exit_code == 0, ended.output
    ((settings, at),) = served
    assert (settings.record_to, settings.port, at) == (tmp_path / "rec", 8123, home)


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    ended = CliRunner().invoke(record.app, [str(tmp_path)])
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert "already holds a recording" in ended.exception.detail
