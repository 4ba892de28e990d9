"""The Triton release of a server and the image that carries it."""

from __future__ import annotations

from collections.abc import Sequence

from planning.catalogue import Catalogue
from planning.catalogue.releases import TritonRelease
from planning.derived import Derived
from planning.findings import Finding, Place, Rule, Severity, setting
from planning.images import Built, Confirmed, ImageLock, ImageRef, Published
from planning.pools import Pool
from planning.settings.cluster import Local
from planning.settings.root import Settings
from planning.settings.servers import Triton

UNCONFIRMED_IMAGE = Rule("TU701", Severity.ERROR, "Every image that runs is named by a digest that somebody saw")
INSECURE_RELEASE = Rule("TU702", Severity.ERROR, "A server's release has no published critical vulnerability")
INSECURE_LOCALLY = Rule("TU703", Severity.WARNING, "A local server's release has no published critical vulnerability")
UNKNOWN_RELEASE = Rule("TU704", Severity.ERROR, "A server's release is one that the catalogue knows")
BUILT_HERE = Rule("TU705", Severity.WARNING, "A local server's image is named by the digest that its build printed")
NO_REGISTRY = Rule("TU707", Severity.ERROR, "What you build comes from a registry of yours")
GPU_TOO_OLD = Rule("TU323", Severity.ERROR, "A server's release supports the GPUs of its pools")

IMAGE = "triton"
"""The logical name of NVIDIA's server image in the image lock; its tags are `<release>-py3`."""

CPU_IMAGE = "tritonup-triton-cpu"
"""The logical name of the image that this project packs for machines without GPUs; its tags are releases."""

PROXY_IMAGE = "proxy"
"""The logical name of nginx's image before Triton (planning/proxy.py)."""

PROXY_TAG = "1.30.5-alpine-slim"
"""The release of nginx that was looked at: it knows every directive of ours. A newer one is a change of this line."""

LOCAL_PROXY_IMAGE = "tritonup-proxy"
"""The logical name of the image with nginx that this project packs for a local cluster."""

LOCAL_PROXY_TAG = "bookworm"
"""Debian's release, whose nginx it carries."""

PROGRAMS_IMAGE = "tritonup-programs"
"""The logical name of the image of our own programs (`programs/`), which users build and push."""

PROGRAMS_TAG = "0.1.0"
"""This project's version, which its programs have too."""

LOCAL_REGISTRY = "localhost"
"""Where an image is that was packed on this machine and never pushed."""


def plan_release(
    name: str, server: Triton, settings: Settings, pools: Sequence[Pool], catalogue: Catalogue
) -> tuple[TritonRelease | None, tuple[Finding, ...]]:
    release = catalogue.release(server.release)
    at = setting(f"servers.{name}.release")
    if release is None:
        return None, (
            Finding(
                rule=UNKNOWN_RELEASE,
                at=at,
                what=f"{server.release!r} is not in the catalogue.",
                fix=f"Write one of: {', '.join(sorted(catalogue.releases))}.",
            ),
        )
    findings: list[Finding] = []
    secure = catalogue.minimum_secure_release
    if not catalogue.is_secure(server.release):
        local = settings.cluster.kind == "local"
        findings.append(
            Finding(
                rule=INSECURE_LOCALLY if local else INSECURE_RELEASE,
                at=at,
                what=f"{server.release!r} has vulnerabilities that NVIDIA has published; {secure} is the"
                " first without.",
                fix=f"Write {secure!r} or newer"
                + ("; on this machine alone it may be accepted with a reason." if local else "."),
            )
        )
    oldest = release.min_compute_capability
    findings += [
        Finding(
            rule=GPU_TOO_OLD,
            at=at,
            what=f"{server.release!r} supports compute capability {oldest[0]}.{oldest[1]} and newer; {pool.gpu.kind} of"
            f" {pool.name!r} has {pool.gpu.compute_capability[0]}.{pool.gpu.compute_capability[1]}.",
            fix=f"Take {pool.name!r} off this server, or choose an older release.",
        )
        for pool in pools
        if oldest is not None and pool.gpu.compute_capability < oldest
    ]
    return release, tuple(findings)


def packed_here(server: Triton, settings: Settings) -> bool:
    """Whether it runs the image that this machine packs for local clusters."""
    return isinstance(settings.cluster, Local) and server.image is None


def plan_image(
    name: str, server: Triton, settings: Settings, lock: ImageLock
) -> tuple[Derived[ImageRef] | None, tuple[Finding, ...]]:
    """The image by digest, through the mirror where there is one. On a local cluster, the one packed there."""
    if packed_here(server, settings):
        at = setting(f"servers.{name}.release")
        return _packed_here(CPU_IMAGE, server.release, at, settings, lock)
    tag = f"{server.release}-py3"
    if server.image is not None:
        own = ImageRef(repository=server.image.repository, tag=tag, digest=server.image.digest)
        return Derived(own, f"servers.{name}.image names it"), ()
    if seen := locked_image(IMAGE, tag, settings, lock):
        return seen, ()
    confirmed = sorted(
        image.tag.removesuffix("-py3")
        for image in lock.named(IMAGE)
        if isinstance(image.evidence, Confirmed) and image.tag.endswith("-py3")
    )
    return None, (
        Finding(
            rule=UNCONFIRMED_IMAGE,
            at=setting(f"servers.{name}.release"),
            what=f"Nobody confirmed the digest of {IMAGE}:{tag}.",
            fix=f"Run `tritonup images update {IMAGE}:{tag}` where the registry can be reached"
            + (f", or write a confirmed release: {', '.join(confirmed)}." if confirmed else "."),
        ),
    )


def plan_proxy_image(settings: Settings, lock: ImageLock) -> tuple[Derived[ImageRef] | None, tuple[Finding, ...]]:
    """nginx's image, the same for all servers."""
    at = setting("images")
    if isinstance(settings.cluster, Local):
        return _packed_here(LOCAL_PROXY_IMAGE, LOCAL_PROXY_TAG, at, settings, lock)
    if seen := locked_image(PROXY_IMAGE, PROXY_TAG, settings, lock):
        return seen, ()
    return None, (
        Finding(
            rule=UNCONFIRMED_IMAGE,
            at=at,
            what=f"Nobody confirmed the digest of {PROXY_IMAGE}:{PROXY_TAG}, nginx before Triton.",
            fix=f"Run `tritonup images update {PROXY_IMAGE}:{PROXY_TAG}` where the registry can be reached.",
        ),
    )


def plan_programs_image(settings: Settings, lock: ImageLock) -> tuple[Derived[ImageRef] | None, tuple[Finding, ...]]:
    """The image of our own programs, the same for all servers."""
    if isinstance(settings.cluster, Local):
        return _packed_here(PROGRAMS_IMAGE, PROGRAMS_TAG, setting("images"), settings, lock)
    entry, registry = lock.find(PROGRAMS_IMAGE, PROGRAMS_TAG), settings.images.registry
    if registry is None:
        return None, (
            Finding(
                rule=NO_REGISTRY,
                at=setting("images.registry"),
                what=f"is missing, and pods of this stack run {PROGRAMS_IMAGE}, which you build.",
                fix="Write a registry that the cluster can pull from, such as europe-docker.pkg.dev/acme/gpu.",
            ),
        )
    if isinstance(entry, Built) and isinstance(entry.evidence, Confirmed):
        seen = _sighting(entry.evidence.seen[0])
        return Derived(entry.ref_in(registry), f"`tritonup images push` brought it there ({seen})"), ()
    return None, (
        Finding(
            rule=UNCONFIRMED_IMAGE,
            at=setting("images.registry"),
            what=f"Nobody pushed {PROGRAMS_IMAGE}:{PROGRAMS_TAG}, so its digest is not known.",
            fix=f"Run `tritonup images push --registry {registry}`.",
        ),
    )


def locked_image(image: str, tag: str, settings: Settings, lock: ImageLock) -> Derived[ImageRef] | None:
    """A published image by the digest that the lock holds, through the mirror where there is one."""
    entry = lock.find(image, tag)
    if not isinstance(entry, Published) or not isinstance(entry.evidence, Confirmed):
        return None
    ref = entry.ref.through(settings.images.mirror)
    return Derived(ref, f"the image lock saw this digest ({_sighting(entry.evidence.seen[0])})")


def _packed_here(
    image: str, tag: str, at: Place, settings: Settings, lock: ImageLock
) -> tuple[Derived[ImageRef], tuple[Finding, ...]]:
    entry = lock.find(image, tag)
    registry = settings.images.registry or LOCAL_REGISTRY
    if isinstance(entry, Built) and isinstance(entry.evidence, Confirmed):
        return Derived(entry.ref_in(registry), "this machine packed it, and the image lock holds its digest"), ()
    ref = ImageRef(repository=f"{registry}/{image}", tag=tag, digest=None)
    return Derived(ref, "this machine packs it"), (
        Finding(
            rule=BUILT_HERE,
            at=at,
            what=f"{image}:{tag} has no digest yet, so it is named by its tag.",
            fix="Accept this warning with a reason: a process on this machine does not need the image.",
        ),
    )


def _sighting(seen: object) -> str:
    url = getattr(seen, "url", None)
    return str(url) if url else f"{getattr(seen, 'repository', '')}/{getattr(seen, 'path', '')}"
