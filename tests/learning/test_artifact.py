from __future__ import annotations

import pytest

from app.domain.errors import BadRequest
from app.learning.artifact import calibration_text, parse_calibration
from tests.learning import made


def test_text_and_value_are_the_same_thing():
    value = made.calibration()
    assert parse_calibration(calibration_text(value)) == value


def test_quotes_and_backslashes_of_a_source_survive():
    value = made.calibration()
    odd = type(value)('a "b" \\ c', value.as_of, value.digest, value.symbols)
    assert parse_calibration(calibration_text(odd)) == odd


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('format = "bestex-calibration"', 'format = "other"'),
        ("version = 1", "version = 2"),
        ("sigma_ppm_sqrt_s = 80.0\nsigma_power", "sigma_ppm_sqrt_s = 0.0\nsigma_power"),
        ("sigma_ppm_sqrt_s = 80.0\nlinear", "sigma_ppm_sqrt_s = -1.0\nlinear"),
        ("linear_ppm = 20.0", "linear_ppm = -1.0"),
        ("stays_frac = 0.25", "stays_frac = 1.5"),
        ("decay_s = 2.0", "decay_s = nan"),
        ("decay_power_frac = 0.5", "decay_power_frac = 0.0"),
        ('decay = "power"', 'decay = "sudden"'),
        ("knots_s = [0.005, 0.1, 0.25]", "knots_s = [0.1, 0.005, 0.25]"),
        ("knots_s = [0.005, 0.1, 0.25]", "knots_s = [0.005, 0.1]"),
        ("[-4.0, -1.0, 0.1, 1.2, 5.0, 0.2]", "[-4.0, -5.0, 0.1, 1.2, 5.0, 0.2]"),
        ("[-4.0, -1.0, 0.1, 1.2, 5.0, 0.2]", "[-4.0, -1.0, 0.1, 1.2, 5.0]"),
        ("[-4.0, -1.0, 0.1, 1.2, 5.0, 0.2]", "[-4.0, -1.0, 0.1, 1.2, 5.0, inf]"),
        ("imbalance_ppm = 3.0", "imbalance_ppm = 3.0\nsurprise = 1"),
        ("walk_knots_ppm = [0.0, 20.0]", "walk_knots_ppm = [20.0, 0.0]"),
        ("walk_knots_ppm = [0.0, 20.0]", "walk_knots_ppm = [-1.0, 20.0]"),
        ("walk_knots_ppm = [0.0, 20.0]", "walk_knots_ppm = [0.0, 20.0, 30.0]"),
        ("n_windows = 300", ""),
        ("soon = [", "later = ["),
        ("[[symbols]]", "[[symbols"),
    ],
)
def test_what_is_not_a_good_calibration_is_refused(before, after):
    text = calibration_text(made.calibration())
    assert before in text
    with pytest.raises(BadRequest) as refused:
        parse_calibration(text.replace(before, after, 1))
    assert refused.value.code == "bad_calibration"
