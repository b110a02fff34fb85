from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, socket, sys
from app.workers.shield import leave_network, shield
granted = shield()
granted["no_network"] = leave_network()
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).close()
    reached = True
except OSError:
    reached = False
print(json.dumps([granted, resource.getrlimit(resource.RLIMIT_CORE), status["NoNewPrivs"].strip(), reached]))
"""


@pytest.fixture
def listening_port():
    """The port of a listener on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_shielded_process_says_what_it_was_granted_and_has_it(listening_port):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(listening_port)], capture_output=True, check=True, timeout=30
    )
    granted, core, no_new_privileges, reached = json.loads(done.stdout)
    assert granted["no_core"]
    assert core == [0, 0]
    assert granted["undumpable"]
    assert granted["no_new_privileges"]
    assert no_new_privileges == "1"
    # Where the system allows it, even this machine's own ports are out of reach.
    assert reached is not granted["no_network"]
