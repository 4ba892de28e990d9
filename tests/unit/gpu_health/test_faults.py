"""Which lines of the kernel's log tell of a GPU that has failed. Lines marked with a source are real."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_health.faults import FATAL, Fault, faults_in

# NVIDIA/gpu-operator issue 1146
DBE = (
    "Dec  2 10:43:35 worker4 kernel: [240314.528856] NVRM: Xid (PCI:0000:07:00): 48, pid='<unknown>', name=<unknown>,"
    " An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer at physAddr 0x7fdd60000"
)
# NVIDIA/open-gpu-kernel-modules issue 1151
OFF_THE_BUS = "May 18 19:02:39 kernel: NVRM: Xid (PCI:0000:2b:00): 79, GPU has fallen off the bus."
# NVIDIA/NVSentinel, end-to-end tests
GSP = (
    "[6085126.134786] NVRM: Xid (PCI:0002:00:00): 119, pid=1582259, name=nvc:[driver], Timeout after 6s of waiting for"
    " RPC response from GPU1 GSP! Expected function 76 (GSP_RM_CONTROL) (0x20802a02 0x8)."
)
# leptonai/gpud pull request 46
CONTEXT_SWITCH = (
    "[Fri Aug 30 11:43:14 2024] NVRM: Xid (PCI:0000:cb:00): 109, pid=1797828, name=pt_main_thread, Ch 00000008,"
    " errorString CTX SWITCH TIMEOUT, Info 0x58005"
)
FATAL_LINES = {DBE: ("0000:07:00", 48), OFF_THE_BUS: ("0000:2b:00", 79), GSP: ("0002:00:00", 119)} | {
    CONTEXT_SWITCH: ("0000:cb:00", 109)
}
HARMLESS = (
    # leptonai/gpud pull request 46
    "[Fri Aug 30 11:43:09 2024] NVRM: Xid (PCI:0000:cb:00): 13, pid='<unknown>', name=<unknown>, Graphics SM Warp"
    " Exception on (GPC 7, TPC 7, SM 0): Illegal Instruction Parameter",
    # stas00/ml-engineering compute/accelerator/nvidia/debug.md
    "NVRM: Xid (PCI:0000:10:1c): 63, pid=1896, Row Remapper: New row marked for remapping, reset gpu to activate.",
    # NVIDIA/open-gpu-kernel-modules, and docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt: one process of a MIG instance
    "NVRM: Xid (PCI:0000:01:00 GPU-I:05): 94, pid=7194, Contained: CE User Channel (0x9). RST: No, D-RST: No",
    # kubernetes-sigs/dra-driver-nvidia-gpu issue 904
    "[1231741.378609] NVRM: Xid (PCI:0009:01:00): 43, pid=3188489, name=trigger_xid, channel 0x0b00000a",
    # NVIDIA/open-gpu-kernel-modules issue 1150
    "kernel: NVRM: Xid (PCI:0000:dc:00): 45, pid=1818990, name=python3, Ch 00000001 caused by previous Xid 149",
    # The driver speaks of Xids in other lines too (NVIDIA/open-gpu-kernel-modules issue 446)
    "NVRM: _kgspLogXid119: ********************************* GSP Timeout **********************************",
)


@pytest.mark.parametrize(("line", "fault"), FATAL_LINES.items(), ids=[str(fault[1]) for fault in FATAL_LINES.values()])
def test_a_fatal_xid_names_its_gpu(line: str, fault: tuple[str, int]) -> None:
    (found,) = faults_in(line)
    assert (found.gpu, found.xid) == fault
    assert found.what == FATAL[found.xid]


@pytest.mark.parametrize("line", HARMLESS, ids=range(len(HARMLESS)))
def test_what_ends_one_process_or_nothing_is_no_fault(line: str) -> None:
    assert faults_in(line) == ()


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("0x1 (GPU Reset Required)", "GPU Reset Required"),  # NVIDIA/NVSentinel, tests
        ("0x2 (Node Reboot Required)", "Node Reboot Required"),  # NVIDIA/open-gpu-kernel-modules issue 1045
        ("0x0 (None)", None),
    ],
)
def test_what_the_driver_asks_for_is_believed(to: str, what: str | None) -> None:
    line = f"NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x0 (None) to {to}"
    assert [fault.what for fault in faults_in(line)] == ([] if what is None else [what])


def test_the_same_of_the_same_gpu_is_one_fault() -> None:
    other = OFF_THE_BUS.replace("2b:00", "2C:00")
    found = faults_in("\n".join([OFF_THE_BUS, *HARMLESS, GSP, OFF_THE_BUS, other]))
    assert [(fault.gpu, fault.xid) for fault in found] == [("0000:2b:00", 79), ("0002:00:00", 119), ("0000:2c:00", 79)]


GPUS = st.from_regex(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}", fullmatch=True)
PREFIXES = st.sampled_from(["", "3,1234,5678901,-;", "<3>[12345.678901] ", "kern: warning: [2026-04-22T21:27:51Z]: "])
NOISE = st.text(st.characters(blacklist_categories=["Cs"]), max_size=60).filter(lambda text: "NVRM" not in text)


@given(st.lists(st.tuples(PREFIXES, GPUS, st.integers(1, 200).filter(lambda xid: xid != 154), NOISE), max_size=8))
def test_whatever_stands_around_it_every_fatal_xid_is_found_and_no_other(
    lines: list[tuple[str, str, int, str]],
) -> None:
    log = "\n".join(f"{noise}\n{prefix}NVRM: Xid (PCI:{gpu}): {xid}, pid=1" for prefix, gpu, xid, noise in lines)
    found = {(fault.gpu, fault.xid) for fault in faults_in(log)}
    assert found == {(gpu, xid) for _, gpu, xid, _ in lines if xid in FATAL}


@given(st.text())
def test_any_text_is_a_log(text: str) -> None:
    assert all(isinstance(fault, Fault) for fault in faults_in(text))
