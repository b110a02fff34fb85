import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from app.routing.router import Router
from bestex_verify.__main__ import main, show
from bestex_verify.judge import verify_receipt
from tests.routing.scenes import Place, Scene

REPOSITORY = Path(__file__).resolve().parents[2]


def receipt():
    scene = Scene([Place("a", asks=[(100, 50)]), Place("b", asks=[(101, 50)])], qty_units=60)
    return Router().plan(scene.request(), scene.books()).receipt


def test_a_valid_receipt_is_shown_and_exits_0(tmp_path):
    path = tmp_path / "one.bxr"
    path.write_bytes(receipt())
    command = [sys.executable, "-m", "bestex_verify", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr
    assert "VALID" in done.stdout
    assert "fee_aware_greedy" in done.stdout


def test_an_invalid_one_exits_1_and_an_unreadable_one_2(tmp_path, capsys):
    data = receipt()
    objective = verify_receipt(data).objective_nano
    bad, torn = tmp_path / "bad", tmp_path / "torn"
    bad.write_bytes(data.replace(struct.pack("<q", objective), struct.pack("<q", objective - 1)))
    torn.write_bytes(data[:-1])
    assert main([str(bad)]) == 1
    assert "FAILS objective_nano" in capsys.readouterr().out
    assert main([str(bad), str(torn)]) == 2
    assert main([str(tmp_path / "absent")]) == 2
    assert "unreadable" in capsys.readouterr().out


def test_without_a_file_it_says_how(capsys):
    assert main([]) == 2
    assert "python -m bestex_verify" in capsys.readouterr().out


def test_failures_are_printed(capsys):
    show("x", replace(verify_receipt(receipt()), failures=("capacity: broken",)))
    assert "FAILS capacity: broken" in capsys.readouterr().out
