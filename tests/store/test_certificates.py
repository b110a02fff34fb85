"""What was certified stays as it was written, or is not believed."""

from __future__ import annotations

import json
import stat

import pytest

from app.domain.errors import InvariantBroken
from app.domain.venue import Evidence, EvidenceLevel
from app.store.certificates import KEY_FILE, Certificates

L2, L3 = EvidenceLevel.L2, EvidenceLevel.L3


def test_the_highest_level_of_a_venue_counts(tmp_path):
    certificates = Certificates(tmp_path)
    assert certificates.evidence() == {}
    assert not (tmp_path / KEY_FILE).exists()
    path = certificates.write("okx", L3, "2026-11-20", {"n_round_trips": 1_000})
    certificates.write("okx", L2, "2026-11-25", {"n_round_trips": 10})
    certificates.write("kraken", L2, "2026-11-24", {})
    assert certificates.evidence() == {"okx": Evidence(L3, "2026-11-20"), "kraken": Evidence(L2, "2026-11-24")}
    assert json.loads(path.read_text())["record"] == {"n_round_trips": 1_000}
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("field", ["venue", "level", "date", "record", "signature"])
def test_a_certificate_that_was_changed_is_told_and_not_believed(tmp_path, field):
    path = Certificates(tmp_path).write("okx", L2, "2026-11-25", {"n": 1})
    body = json.loads(path.read_text())
    body[field] = {"level": "L3", "record": {"n": 2}, "signature": "AAAA"}.get(field, "other")
    path.write_text(json.dumps(body))
    with pytest.raises(InvariantBroken, match=path.name):
        Certificates(tmp_path).evidence()


def test_one_of_another_home_is_not_believed(tmp_path):
    path = Certificates(tmp_path / "a").write("okx", L3, "2026-11-25", {})
    target = tmp_path / "b" / "certificates"
    target.mkdir(parents=True)
    (target / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InvariantBroken):
        Certificates(tmp_path / "b").evidence()
