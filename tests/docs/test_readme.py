"""What the README and the API's page show is run as it stands, in its order, against a real service on another port."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from loadtests.running import running_service
from tests.service_home import service_home

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text()
BLOCK = re.compile(r"<!-- executed -->\n```(\w+)\n(.*?)```", re.S)
BLOCKS = BLOCK.findall(README)

pytestmark = pytest.mark.postgres


@dataclass
class Desk:
    """A reader at his shell: a home with the demo's data in it, the service's port instead of 8080."""

    home: Path
    port: int
    shell: str = ""

    def run(self, language: str, text: str) -> str:
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        if language == "python":
            command = [sys.executable, "-c", text]
        else:
            # A shell keeps what earlier blocks exported.
            self.shell += "".join(line + "\n" for line in text.splitlines() if line.startswith("export "))
            exported = self.shell if "export " not in text else ""
            command = ["bash", "-euo", "pipefail", "-c", exported + text]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BESTEX_")}
        environment |= {"HOME": str(self.home), "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"}
        environment |= {"BESTEX_CACHE_DIR": str(Path.home() / ".cache" / "bestex")}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, f"{text}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="module")
def desk():
    with service_home() as home:
        yield from reader_at(home)


def reader_at(home: Path):
    (home / "bin").mkdir()
    # The commands of the environment under test, whether or not the package is installed in it.
    for name, line in (("bestex", "-m app.cli.main"), ("python", "")):
        script = home / "bin" / name
        script.write_text(f'#!/bin/sh\nexport PYTHONPATH="{REPOSITORY}"\nexec "{sys.executable}" {line} "$@"\n')
        script.chmod(0o755)
    data = home / ".bestex" / "demo"
    environment = {"BESTEX_CACHE_DIR": str(Path.home() / ".cache" / "bestex")}
    with running_service(data, environment) as service:
        (home / ".bestex" / "service.json").write_text(json.dumps({"url": service.url, "data": str(data)}))
        yield Desk(home, service.port)


def blocks_with(word: str) -> list[tuple[str, str]]:
    return [(language, text) for language, text in BLOCKS if word in text]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_apis_curl_examples_work_a_vwap_and_protect_by_a_bracket(desk):
    sell, look, protect, change = BLOCK.findall((REPOSITORY / "docs" / "api.md").read_text())
    placed = json.loads(desk.run(*sell))
    assert placed["schedule"]["strategy"] == "vwap"
    working = until(lambda: json.loads(desk.run(*look)), lambda order: order["cum_qty"] != "0")
    assert working["order_id"] == placed["order_id"]
    assert 0 < Decimal(working["cum_qty"]) < 10
    assert json.loads(desk.run(*protect))["order_class"] == "bracket"
    text = desk.run(*change).strip()
    before, end = json.JSONDecoder().raw_decode(text)
    after = json.loads(text[end:])
    assert {leg["leg"]: leg["status"] for leg in before["legs"]}.keys() == {"entry", "take_profit", "stop_loss"}
    assert after["version"] == before["version"] + 1
    assert [leg["stop_price"] for leg in after["legs"] if leg["leg"] == "stop_loss"] == ["59000"]


def until(ask, is_there, timeout_s: float = 10.0):
    deadline_s = time.monotonic() + timeout_s
    while not is_there(answer := ask()):
        assert time.monotonic() < deadline_s, answer
        time.sleep(0.1)
    return answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_curl_examples_place_and_explain_an_order(desk):
    placing, explaining = blocks_with("curl")
    order = json.loads(desk.run(*placing))
    assert order["status"] == "filled"
    assert order["cum_qty"] == "0.5"
    assert all(order[name] is not None for name in ("status", "cum_qty", "avg_price", "fees"))
    decoder = json.JSONDecoder()
    text = desk.run(*explaining).strip()
    route, end = decoder.raw_decode(text)
    tca, _ = decoder.raw_decode(text[end:].lstrip())
    assert route["data"][0]["allocations"]
    assert tca["order_id"] == order["order_id"]


def test_the_command_examples_work_without_naming_a_key(desk):
    ((language, text),) = blocks_with("bestex order")
    shown = desk.run(language, text)
    assert "filled" in shown
    assert "VALID" in shown
    assert "INVALID" not in shown
    assert "intact" in shown
    assert re.search(r"^ +total ", shown, re.M)
    assert "<h2>Where the cost came from</h2>" in (desk.home / ".bestex" / "reports" / "tca-period.html").read_text()


def test_the_websocket_example_prints_every_fill(desk):
    ((language, text),) = blocks_with("websockets")
    lines = desk.run(language, text).splitlines()
    assert lines
    assert lines[-1].endswith("filled")
    seqs = [int(line.split()[0]) for line in lines]
    assert seqs == sorted(seqs)


def test_every_target_and_command_that_is_named_exists():
    targets = set(re.findall(r"^make (\w+)", README, re.M))
    makefile = (REPOSITORY / "Makefile").read_text()
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)
    from app.cli.main import COMMANDS

    listed = re.search(r"lists everything: `([^`]+)`", README)
    assert listed is not None
    assert listed.group(1).split() == list(COMMANDS)


def test_every_exit_code_is_documented():
    from app.cli.exits import Exit

    rows = re.findall(r"^\| (\d) \|", README, re.M)
    assert [int(row) for row in rows] == [code.value for code in Exit]
