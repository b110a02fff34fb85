"""The compose file is what compose understands, and says what the documents say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "docker-compose.yml"


def test_the_compose_file_follows_the_compose_specification():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_is_published_beyond_loopback_and_no_password_is_written_down():
    text = COMPOSE.read_text()
    published = re.findall(r'^\s+- "([^"]*:\d+)"$', text, re.M)
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert text.count("${BESTEX_POSTGRES_PASSWORD:?") == 2


def test_every_file_the_image_copies_is_there():
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_image_starts_commands_that_exist():
    from app.cli.main import COMMANDS

    named = re.findall(r"\bbestex\"?,? \"?(\w+)", (REPOSITORY / "Dockerfile").read_text() + COMPOSE.read_text())
    assert set(named) & set(COMMANDS) >= {"up", "warmup"}
