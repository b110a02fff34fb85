"""A stranger's check: receipts of a real run hold, and any changed byte or claim does not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from app.cli import receipt
from app.cli.exits import CommandError, Exit
from app.domain.events import RoutePlanned
from app.store.journal import JournalReader
from loadtests.running import free_port
from tests.service_home import service_home

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def demo_home():
    """The home of a demo that ran and ended."""
    command = [sys.executable, "-m", "app.cli.main", "demo", "--once", "--port", str(free_port())]
    with service_home() as home:
        subprocess.run([*command, "--home", str(home)], check=True, capture_output=True, timeout=120)
        yield home


@pytest.fixture(scope="module")
def planned(demo_home):
    reader = JournalReader(demo_home / "demo" / "journal.db")
    facts = [fact for fact in reader.read(0, 10_000) if isinstance(fact.event, RoutePlanned)]
    bodies = {
        fact.event.plan.route_id: reader.receipt(fact.event.plan.certificate.receipt_sha256, fact.seq) for fact in facts
    }
    reader.close()
    return [fact.event for fact in facts], bodies


def verify(*arguments):
    return CliRunner().invoke(receipt.app, ["verify", *map(str, arguments)])


def test_every_route_of_every_order_is_valid(demo_home, planned):
    for order_id in {fact.order_id for fact in planned[0]}:
        ended = verify(order_id, "--home", demo_home, "-o", "json")
        assert ended.exit_code == 0, ended.output
        verdicts = json.loads(ended.stdout)
        assert len(verdicts) == sum(fact.order_id == order_id for fact in planned[0])
        assert all(verdict["is_valid"] for verdict in verdicts)


def test_one_route_is_told_in_words(demo_home, planned):
    ended = verify(planned[0][0].plan.route_id, "--home", demo_home)
    assert ended.exit_code == 0
    assert "VALID" in ended.output
    assert "best_single_venue" in ended.output


def test_a_file_is_verified_without_any_journal(tmp_path, planned):
    body = next(iter(planned[1].values()))
    path = tmp_path / "one.receipt"
    path.write_bytes(body)
    assert verify(path).exit_code == 0
    path.write_bytes(body[: len(body) // 2])
    ended = verify(path, "-o", "json")
    assert ended.exit_code == Exit.CHECK_FAILED
    assert "unreadable" in json.loads(ended.stdout)[0]["failures"][0]


def test_an_order_that_claims_another_cost_is_found_out(planned):
    from dataclasses import replace

    fact, body = planned[0][0], planned[1][planned[0][0].plan.route_id]
    lied = replace(fact.plan.certificate, objective_nano=fact.plan.certificate.objective_nano - 1)
    verdict = receipt._judge(receipt.Stored("r", body, replace(fact, plan=replace(fact.plan, certificate=lied))))
    assert not verdict["is_valid"]
    assert any("objective_nano" in failure for failure in verdict["failures"])


def test_an_unknown_order_and_a_missing_journal_are_usage(demo_home, tmp_path):
    for where in (demo_home, tmp_path):
        error = verify("ord_00000000000000000000000000", "--home", where).exception
        assert isinstance(error, CommandError)
        assert error.code is Exit.USAGE
