"""Instance groups: how many copies of a model run, and on what."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.completion import ENSEMBLE
from planning.repository.config import enum_name
from planning.repository.model import Model

GROUPS_FIT = Rule("TU223", Severity.ERROR, "Every instance group can run where it is placed")
MOST_PROFILES = 2**31 - 1


def check_instances(model: Model) -> Iterator[Finding]:
    """NormalizeInstanceGroup and ValidateInstanceGroup (core, src/model_config_utils.cc), and TensorRT's
    own demand for a GPU (tensorrt_backend, src/instance_state.cc)."""
    if model.backend == ENSEMBLE:
        return
    for index, group in enumerate(model.config.instance_group):
        at = f"instance_group[{index}]"
        kind = enum_name("ModelInstanceGroup.Kind", group.kind)
        if group.count < 0:
            what = f"The group has {group.count} instances, which Triton takes for one."
            yield model.finding(GROUPS_FIT, f"{at}.count", what, "Write count: 1 or more.")
        if group.gpus and kind in ("KIND_CPU", "KIND_MODEL"):
            what = f"A group of {kind} names GPU {', '.join(map(str, group.gpus))}."
            yield model.finding(GROUPS_FIT, f"{at}.gpus", what, "Leave gpus out, or write kind: KIND_GPU.")
        if any(gpu < 0 for gpu in group.gpus):
            what = f"The group names GPU {min(group.gpus)}."
            yield model.finding(GROUPS_FIT, f"{at}.gpus", what, "GPUs are numbered from 0.")
        if model.backend == "tensorrt" and kind == "KIND_CPU":
            what = "A TensorRT model cannot run on a CPU."
            yield model.finding(GROUPS_FIT, f"{at}.kind", what, "Write kind: KIND_GPU.")
        if group.profile and model.backend not in ("", "tensorrt"):
            what = f"The group names a profile, which only TensorRT has, not {model.backend}."
            yield model.finding(GROUPS_FIT, f"{at}.profile", what, "Leave profile out.")
        for profile in group.profile:
            if model.backend == "tensorrt" and not _is_index(profile):
                what = f"The optimisation profile {profile!r} is not a number from 0 to {MOST_PROFILES}."
                yield model.finding(GROUPS_FIT, f"{at}.profile", what, 'Write its index, as profile: [ "0" ].')


def _is_index(profile: str) -> bool:
    """GetProfileIndex (core, src/model_config_utils.cc) reads a C++ int; at one that does not fit the server ends."""
    return profile.isascii() and profile.isdecimal() and int(profile) <= MOST_PROFILES


def check_gpus(model: Model, gpus: int) -> tuple[Finding, ...]:
    """The groups of `model` against a server with `gpus` GPUs, numbered from 0.

    Whoever knows a server's placement calls this; the repository alone does not.
    """
    findings: list[Finding] = []
    for index, group in enumerate(model.config.instance_group):
        at = f"instance_group[{index}]"
        kind = enum_name("ModelInstanceGroup.Kind", group.kind)
        beyond = [gpu for gpu in group.gpus if gpu >= gpus]
        if kind == "KIND_AUTO" and beyond:
            # NormalizeInstanceGroup makes it KIND_CPU, which may name no GPU (ValidateInstanceGroup).
            what = f"{model.name!r} names GPU {beyond[0]} on a server with {gpus or 'no'} GPUs."
            fix = "Leave gpus out (Triton then takes what is there), or name those that are there, numbered from 0."
            findings.append(model.finding(GROUPS_FIT, f"{at}.gpus", what, fix))
        elif kind == "KIND_GPU" and not gpus:
            what = f"{model.name!r} asks for KIND_GPU on a server without a GPU."
            fix = "Leave kind out (Triton then takes what is there), or give the server a GPU."
            findings.append(model.finding(GROUPS_FIT, f"{at}.kind", what, fix))
        elif kind == "KIND_GPU" and beyond:
            what = f"{model.name!r} asks for GPU {beyond[0]} on a server with {gpus}, numbered from 0."
            fix = "Leave gpus out (an instance on each GPU), or name one that is there."
            findings.append(model.finding(GROUPS_FIT, f"{at}.gpus", what, fix))
    return tuple(findings)
