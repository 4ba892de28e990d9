"""Which profile speaks for a model on a server, and whether it is of what is served there."""

from __future__ import annotations

from collections.abc import Sequence

from planning.findings import Finding, Rule, Severity, setting
from planning.memory.models import instances
from planning.pools import Pool
from planning.profiles.file import Gpu, Profile
from planning.repository.digest import content_digest
from planning.repository.model import Model
from planning.settings.servers import NvidiaGpu, Triton
from planning.wording import listed

OF_OTHER_BYTES = Rule("TU503", Severity.WARNING, "A model's profile was measured with the files that are served")
OF_OTHER_INSTANCES = Rule("TU505", Severity.WARNING, "A model's profile was measured with as many instances as it has")
OF_ANOTHER_RELEASE = Rule("TU504", Severity.WARNING, "A model's profile was measured with its server's release")


def profiled_digest(model: Model) -> str:
    """Of the files of the versions that are served: what decides how long an execution takes. The config is not in it,
    so that a profile outlives the change that it proposes."""
    return content_digest((file.path.as_posix(), file.sha256) for version in model.served for file in version.files)


def profiles_of(model: Model, server: Triton, pools: Sequence[Pool]) -> tuple[Profile, ...]:
    """Those of the hardware that `server` runs on, measured with the bytes that are served. `pools`: the server's."""
    return tuple(profile for profile in _there(model, server, pools) if profile.digest == profiled_digest(model))


def check_profiles(name: str, server: Triton, models: Sequence[Model], pools: Sequence[Pool]) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    for model in models:
        made = instances(model, with_gpu=isinstance(server.gpu, NvidiaGpu))
        for profile in _there(model, server, pools):
            if profile.digest != profiled_digest(model):
                findings.append(
                    Finding(
                        rule=OF_OTHER_BYTES,
                        at=setting(f"servers.{name}.models"),
                        what=f"{model.name!r} has a {profile.filename} of {profile.measured_on} that was measured with"
                        f" other files (digest {profile.digest[:12]}, now {profiled_digest(model)[:12]}): it is not"
                        " used.",
                        fix=f"Run `tritonup profile {model.name}` again, or take the file out.",
                    )
                )
            elif profile.of(made) is None:
                counts = listed([str(one.instances) for one in profile.measured])
                findings.append(
                    Finding(
                        rule=OF_OTHER_INSTANCES,
                        at=setting(f"servers.{name}.models"),
                        what=f"{model.name!r} has a {profile.filename} that was measured with {counts} instance(s), and"
                        f" Triton makes {made} of it here: it is not used.",
                        fix=f"State that count in its instance_group, run `tritonup profile {model.name}` again, or"
                        " take the file out.",
                    )
                )
            elif profile.server.release != server.release:
                findings.append(
                    Finding(
                        rule=OF_ANOTHER_RELEASE,
                        at=setting(f"servers.{name}.release"),
                        what=f"{server.release!r} is not the release {profile.server.release or 'that nobody knows'!r}"
                        f" with which {profile.filename} of {model.name!r} was measured: its times may differ.",
                        fix=f"Run `tritonup profile {model.name}` on that release, or accept this warning with a"
                        " reason.",
                    )
                )
    return tuple(findings)


def _there(model: Model, server: Triton, pools: Sequence[Pool]) -> tuple[Profile, ...]:
    if not isinstance(server.gpu, NvidiaGpu):
        return tuple(profile for profile in model.profiles if not isinstance(profile.hardware, Gpu))
    # What was measured of a whole GPU says nothing of a share or a slice.
    whole = {pool.gpu.kind for pool in pools if pool.slots == pool.gpus_per_node}
    kinds = whole - {pool.gpu.kind for pool in pools if pool.slots != pool.gpus_per_node}
    return tuple(
        profile for profile in model.profiles if isinstance(profile.hardware, Gpu) and profile.hardware.gpu in kinds
    )
