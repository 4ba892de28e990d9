"""Which image a pod names: the lock's entry, seen through the user's `images` settings."""

from __future__ import annotations

from planning.findings import Finding, Place, Rule, Severity
from planning.images import Built, ImageLock, ImageRef, Unconfirmed

DIGEST_NOT_SEEN = Rule("TU701", Severity.ERROR, "A published image is named by a digest that was seen")
BUILT_WITHOUT_DIGEST = Rule("TU702", Severity.WARNING, "A built image is named by digest once it is pushed")
NO_REGISTRY = Rule("TU703", Severity.ERROR, "An image that you build has a registry to come from")


def plan_image(
    lock: ImageLock, name: str, tag: str, *, registry: str | None, mirror: str | None, at: Place
) -> tuple[ImageRef | None, tuple[Finding, ...]]:
    """What to pull for the image `name:tag`, and what is wrong with it.

    `registry` and `mirror` are the settings `images.registry` and `images.mirror`; `at` is the field that
    chose the image. There is no reference where an error leaves nothing to pull. Built images never come by
    the mirror: they are in the user's own registry already.
    """
    image = lock.find(name, tag)
    if isinstance(image, Built):
        if registry is None:
            return None, (_no_registry(name, tag, at),)
        ref = image.ref_in(registry)
        return ref, () if ref.digest else (_unpinned(ref, name, tag, registry, at),)
    if image is None:
        return None, (_not_seen(lock, name, tag, at, "is not in the image lock."),)
    if isinstance(image.evidence, Unconfirmed):
        return None, (_not_seen(lock, name, tag, at, f"has no known digest: {image.evidence.why}"),)
    return image.ref.through(mirror), ()


def _not_seen(lock: ImageLock, name: str, tag: str, at: Place, what: str) -> Finding:
    seen = [image.tag for image in lock.named(name) if not isinstance(image.evidence, Unconfirmed)]
    instead = f", or choose {' or '.join(seen)}, whose digest is known" if seen else ""
    return Finding(
        rule=DIGEST_NOT_SEEN,
        at=at,
        what=f"the image {name}:{tag} {what}",
        fix=f"Run `tritonup images update {name}:{tag}` where its registry can be reached{instead}.",
    )


def _unpinned(ref: ImageRef, name: str, tag: str, registry: str, at: Place) -> Finding:
    return Finding(
        rule=BUILT_WITHOUT_DIGEST,
        at=at,
        what=f"{str(ref)!r} is pulled by its tag, which anybody who may push can move.",
        fix=f"Push it, then run `tritonup images update {name}:{tag} --registry {registry}`.",
    )


def _no_registry(name: str, tag: str, at: Place) -> Finding:
    return Finding(
        rule=NO_REGISTRY,
        at=at,
        what=f"you build the image {name}:{tag} yourself, and images.registry is not set.",
        fix="Set images.registry to where you push it, such as europe-docker.pkg.dev/acme/gpu.",
    )
