"""The slow twin of app/kernels/sim_noise.py: the same addresses, in Python's own integers."""

from __future__ import annotations

import math

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(bits):
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return bits ^ (bits >> 31)


def uniform(seed, agent, event, lane):
    bits = mix((seed + GOLDEN) & MASK)
    for word in (agent, event, lane):
        bits = mix(bits ^ ((word + GOLDEN) & MASK))
    return (bits >> 11) / 2**53 + 0.5 / 2**53


def exponential(seed, agent, event, lane):
    return -math.log(uniform(seed, agent, event, lane))


def normal(seed, agent, event, lane):
    radius = math.sqrt(-2 * math.log(uniform(seed, agent, event, lane)))
    return radius * math.cos(2 * math.pi * uniform(seed, agent, event, lane + 1))
