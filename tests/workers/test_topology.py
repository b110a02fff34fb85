"""Machines of one, two and four nodes, laid out in folders; none of the larger ones was ever met."""

import pytest

from app.workers.topology import Topology, parse_cpus, place_workers, read_topology
from tests.workers.machines import machine

ONE = [[(0,), (1,)]]
# Two sockets of four cores with two threads each, numbered as Linux does: the second threads come last.
TWO = [[(c, c + 8) for c in range(4)], [(c, c + 8) for c in range(4, 8)]]
# Four nodes of two cores without hardware threads, their processors interleaved.
FOUR = [[(n,), (n + 4,)] for n in range(4)]


def everything(nodes):
    return frozenset(cpu for cores in nodes for core in cores for cpu in core)


@pytest.mark.parametrize("nodes", [ONE, TWO, FOUR], ids=["one", "two", "four"])
def test_nodes_and_cores_are_read(nodes, tmp_path):
    found = read_topology(everything(nodes), machine(tmp_path, nodes))
    assert [node.number for node in found.nodes] == list(range(len(nodes)))
    assert [node.cores for node in found.nodes] == [tuple(cores) for cores in nodes]
    assert found.cpus == tuple(sorted(everything(nodes)))


def test_processors_that_we_may_not_use_are_left_out(tmp_path):
    found = read_topology(frozenset({1, 9, 4}), machine(tmp_path, TWO))
    assert [node.cores for node in found.nodes] == [((1, 9),), ((4,),)]
    assert [node.number for node in read_topology(frozenset({5}), tmp_path).nodes] == [1]


def test_a_machine_that_tells_of_no_nodes_is_one(tmp_path):
    found = read_topology(frozenset({0, 1}), machine(tmp_path, ONE, has_nodes=False))
    assert [(node.number, node.cores) for node in found.nodes] == [(0, ((0,), (1,)))]
    bare = read_topology(frozenset({0, 3}), tmp_path / "nowhere")
    assert [node.cores for node in bare.nodes] == [((0,), (3,))]
    assert read_topology(frozenset(), tmp_path) == Topology(())


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8,10-11\n", [0, 1, 2, 3, 8, 10, 11]), ("5", [5]), ("", []), ("\n", [])]
)
def test_lists_of_the_kernel_are_read(text, cpus):
    assert parse_cpus(text) == cpus


def test_workers_get_cores_of_their_own_near_the_engine_first(tmp_path):
    topology = read_topology(everything(TWO), machine(tmp_path, TWO))
    assert place_workers(topology, 5) == [{1, 9}, {2, 10}, {3, 11}, {4, 12}, {5, 13}]
    assert place_workers(topology, 7)[-1] == {7, 15}


def test_more_workers_than_cores_share_all_but_the_engines(tmp_path):
    topology = read_topology(everything(FOUR), machine(tmp_path, FOUR))
    assert place_workers(topology, 16) == [everything(FOUR) - {0}] * 16
    two_cores = read_topology(frozenset({0, 1}), machine(tmp_path / "small", ONE))
    assert place_workers(two_cores, 2) == [{1}, {1}]


def test_one_core_pins_nobody(tmp_path):
    single = read_topology(frozenset({0}), machine(tmp_path, [[(0,)]]))
    assert place_workers(single, 3) == [frozenset()] * 3
    assert place_workers(Topology(()), 2) == [frozenset()] * 2
