"""What a node says of its GPUs, and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gpu_health.condition import LONGEST, condition, found, same
from gpu_health.faults import Fault

BOOT, OTHER = "6d0c8a3e-1111", "77aa0000-2222"
THEN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)
LOST = Fault(gpu="0000:2b:00", xid=79, what="GPU has fallen off the bus")


def test_a_fault_is_said_with_its_gpu_and_its_xid() -> None:
    said = condition([LOST], BOOT, None, THEN)
    assert (said["status"], said["reason"]) == ("False", "Xid79")
    assert "GPU 0000:2b:00: Xid 79, GPU has fallen off the bus" in said["message"]


def test_a_fault_that_the_log_has_forgotten_holds_until_the_node_boots_anew() -> None:
    before = condition([LOST], BOOT, None, THEN)
    assert condition([], BOOT, before, LATER) == before
    after = condition([], OTHER, before, LATER)
    assert (after["status"], after["lastTransitionTime"]) == ("True", "2026-11-27T13:00:00Z")


def test_the_time_of_a_change_is_kept_while_nothing_changes() -> None:
    before = condition([LOST], BOOT, None, THEN)
    more = condition([LOST, Fault(gpu="0000:2c:00", xid=48, what="ECC")], BOOT, before, LATER)
    assert more["lastTransitionTime"] == before["lastTransitionTime"]
    assert not same(more, before)
    assert same(condition([LOST], BOOT, before, LATER), before)


def test_many_faults_are_told_in_few_words() -> None:
    many = [Fault(gpu=f"{number:04x}:00:00", xid=79, what="GPU has fallen off the bus") for number in range(100)]
    assert len(condition(many, BOOT, None, THEN)["message"]) < LONGEST + 100


def test_it_is_found_among_a_nodes_conditions() -> None:
    said = condition([], BOOT, None, THEN)
    assert found({"status": {"conditions": [{"type": "Ready", "status": "True"}, said]}}) == said
    assert found({"status": {}}) is None
