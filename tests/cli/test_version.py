from __future__ import annotations

import json

from typer.testing import CliRunner

from app.cli import version
from app.settings import RELEASE


def test_version_is_the_services_release():
    assert json.loads(CliRunner().invoke(version.app, ["-o", "json"]).stdout)["release"] == RELEASE
    assert RELEASE in CliRunner().invoke(version.app).stdout
