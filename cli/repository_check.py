"""A model repository by itself, without a stack that serves it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import typer

from cli.console import Exit, err
from planning.catalogue import CATALOGUE
from planning.findings import Finding
from planning.repository.checks import OnnxSupport, check_gpus, check_repository
from planning.repository.completion import KNOWN_BACKENDS
from planning.repository.reader import read_repository


def repository_findings(
    root: Path, *, allow_code: Collection[str], backends: Collection[str], gpus: int | None, release: str | None
) -> tuple[Finding, ...]:
    """What keeps the models below `root` from being served.

    `allow_code` names the models that may bring code, `backends` what the server has beside the backends of NVIDIA's
    images. `gpus` is how many a server has and `release` its Triton's; without them nothing is said that depends on
    them. Exits with a usage error where the catalogue has no such release.
    """
    repository, read = read_repository(root)
    known = KNOWN_BACKENDS.union(backends)
    checked = check_repository(repository, allow_python=allow_code, backends=known, onnx=_onnx(release))
    on_gpus = (
        finding
        for model in repository.models.values()
        for finding in (check_gpus(model, gpus) if gpus is not None else ())
    )
    return tuple(dict.fromkeys((*read, *checked, *on_gpus)))


def _onnx(release: str | None) -> OnnxSupport | None:
    if release is None:
        return None
    found = CATALOGUE.release(release)
    if found is None:
        err.print(f"--release: {release!r} is not one of {', '.join(sorted(CATALOGUE.releases))}.", markup=False)
        raise typer.Exit(Exit.USAGE)
    return OnnxSupport.of(found)
