import numpy as np

from app.shm.heartbeat import Heartbeats, Pulse
from app.shm.layout import BEAT_WORDS


def test_a_row_says_who_lives_since_when_and_what_it_does():
    beats = Heartbeats(np.zeros(2 * BEAT_WORDS, np.int64))
    beats.begin(1, 321, 4, 1_000)
    beats.beat(1, 2_000, 77)
    beats.count(1)
    beats.count(1)
    assert beats.read(1) == Pulse(pid=321, epoch=4, beat_ns=2_000, ticket=77, n_done=2)
    assert beats.read(0) == Pulse(0, 0, 0, 0, 0)
    beats.begin(1, 322, 5, 3_000)
    assert beats.read(1) == Pulse(322, 5, 3_000, 0, 0)
