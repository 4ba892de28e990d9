"""A network link of a stated speed to another network namespace of this machine, in which tools then run.

The store's packets to there pass a token bucket (tc-tbf(8)) on their way, as a machine's network interface has them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

NAMESPACE, NEAR, FAR = "tritonup-bench", "tubench0", "tubench1"

NEAR_ADDRESS, FAR_ADDRESS = "198.18.0.1", "198.18.0.2"
"""Of the block that is kept for measuring (RFC 2544, appendix C.2.2)."""

BASELINES: Mapping[float, str] = {
    2.5: "g5.xlarge, g6.xlarge and g6e.xlarge",
    5: "g5.2xlarge, g6.2xlarge and g6e.2xlarge",
}
"""Which machines have that bandwidth at all times, in Gbit/s (aws/karpenter-provider-aws,
pkg/providers/instancetype/zz_generated.bandwidth.go, from AWS, "Amazon EC2 instance network bandwidth")."""


def possible() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "tc")))


def within(command: Sequence[str]) -> list[str]:
    """`command`, at the other end of the link."""
    return ["ip", "netns", "exec", NAMESPACE, *command]


@contextmanager
def link() -> Generator[None]:
    """The store is to listen at NEAR_ADDRESS, which this machine reaches by itself too, at any speed. `limit` says the
    link's."""
    _remove()
    _run("ip", "netns", "add", NAMESPACE)
    try:
        _run("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", NAMESPACE)
        _run("ip", "address", "add", f"{NEAR_ADDRESS}/30", "dev", NEAR)
        _run("ip", "link", "set", NEAR, "up")
        _run(*within(["ip", "address", "add", f"{FAR_ADDRESS}/30", "dev", FAR]))
        _run(*within(["ip", "link", "set", FAR, "up"]))
        _run(*within(["ip", "link", "set", "lo", "up"]))
        yield
    finally:
        _remove()


def limit(gbit: float) -> None:
    """The link's speed from now on."""
    rate = f"{gbit * 1000:.0f}mbit"
    _run("tc", "qdisc", "replace", "dev", NEAR, "root", "tbf", "rate", rate, "burst", "1mb", "latency", "50ms")


def _remove() -> None:
    """What is there of it, an earlier run's included. The pair of interfaces goes with either of them."""
    for command in (["ip", "link", "delete", NEAR], ["ip", "netns", "delete", NAMESPACE]):
        subprocess.run(command, capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
