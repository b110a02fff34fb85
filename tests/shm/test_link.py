"""The two ways of a link do not touch each other."""

import os

from app.shm import segment
from app.shm.layout import Kind
from app.shm.link import LINK_WORDS, LinkBells, open_link
from app.shm.rings import Bell


def test_each_way_carries_its_own_words_and_a_reset_empties_both():
    made = segment.create(f"test-link-{os.getpid()}", Kind.LINK, LINK_WORDS)
    bells = LinkBells(Bell(), Bell(), Bell())
    try:
        engine = open_link(made, bells)
        worker = open_link(segment.attach(made.name, Kind.LINK), bells)
        engine.to_worker.write(b"a child")
        worker.to_engine.write(b"a report")
        assert (worker.to_worker.read(), engine.to_engine.read()) == ([b"a child"], [b"a report"])
        engine.to_worker.write(b"never read")
        engine.reset()
        assert open_link(made, bells).to_worker.read() == []
    finally:
        bells.close()
        made.unlink()
