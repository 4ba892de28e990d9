"""Exactly what one server serves: its models, the models that its ensembles call, and their bytes.

With `--model-control-mode=none` Triton loads everything that it finds, so that each server is given a
place of its own with nothing else in it, named by the digest of what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from planning.findings import Finding, Place, Rule, Severity
from planning.repository.digest import content_digest
from planning.repository.model import Model, Repository
from planning.repository.suggestion import did_you_mean, listed

MODELS_EXIST = Rule("TU240", Severity.ERROR, "A server names models of the repository")
SOMETHING_IS_SERVED = Rule("TU241", Severity.ERROR, "A server has at least one model to serve now")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the destination, below its URL: an engine that was built there."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """One file to publish: `source` on this machine or in the store, `path` below the server's own place
    (`digits/1/model.onnx`), `size` in bytes, `sha256` hex."""

    source: Path | Stored
    path: PurePosixPath
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSet:
    """What a server serves. `models` come before the ensembles that call them, otherwise by name."""

    models: tuple[Model, ...]
    planned: tuple[Model, ...]
    """Named or called, but not served yet: TensorRT models without their engine, and the ensembles that
    call them."""
    files: tuple[ServedFile, ...]
    """Everything that is uploaded, sorted by path."""
    digest: str
    """SHA-256 (hex) over the sorted paths and contents of `files`, and nothing else: not times, not
    where the repository lies."""
    total_bytes: int


def served_models(
    repository: Repository, names: Sequence[str], *, field: str = "models"
) -> ServedSet | tuple[Finding, ...]:
    """What a server that names `names` serves, or why it cannot be said.

    `field` is the setting that names the models (`servers.vision.models`), for findings. A directory that
    could not be read has its finding already, and gives none here: the result is then an empty tuple.
    """
    findings = tuple(
        _unknown(repository, name, f"{field}[{index}]")
        for index, name in enumerate(names)
        if name not in repository.models and name not in repository.broken
    )
    if findings or any(name in repository.broken for name in names):
        return findings
    needed = called_by(repository, names)
    waiting: set[str] = set()
    for model in needed:
        if model.planned or not waiting.isdisjoint(model.steps):
            waiting.add(model.name)
    models = tuple(model for model in needed if model.name not in waiting)
    planned = tuple(model for model in needed if model.name in waiting)
    if not models:
        return (_nothing_yet(planned, field),)
    files = _files(models)
    return ServedSet(
        models=models,
        planned=planned,
        files=files,
        digest=content_digest((file.path.as_posix(), file.sha256) for file in files),
        total_bytes=sum(file.size for file in files),
    )


def _unknown(repository: Repository, name: str, field: str) -> Finding:
    return Finding(
        rule=MODELS_EXIST,
        at=Place(field=field),
        what=f"The repository {repository.root.as_posix()} has no model {name!r}.",
        fix=did_you_mean(name, repository.models) + f"It has {listed(repository.models)}.",
    )


def _nothing_yet(planned: tuple[Model, ...], field: str) -> Finding:
    names = ", ".join(model.name for model in planned)
    what = f"Nothing can be served yet: {names} wait for engines." if names else "No model is named."
    fix = "Name the ONNX models that the engines are built from beside them, until they are."
    return Finding(rule=SOMETHING_IS_SERVED, at=Place(field=field), what=what, fix=fix)


def called_by(repository: Repository, names: Sequence[str]) -> tuple[Model, ...]:
    """The named models and all that they call, each after what it calls. What is not there is left out:
    the check of the ensemble reports it. Not recursive: ensembles may be nested as deep as one likes."""
    done: dict[str, Model] = {}
    opened: set[str] = set()
    stack = sorted(set(names), reverse=True)
    while stack:
        name = stack[-1]
        model = repository.models.get(name)
        if model is None or name in done:
            stack.pop()
        elif name in opened:
            done[name] = model
            stack.pop()
        else:
            opened.add(name)
            stack += [step for step in sorted(model.steps, reverse=True) if step not in opened]
    return tuple(done.values())


def _files(models: Sequence[Model]) -> tuple[ServedFile, ...]:
    files = (
        ServedFile(
            source=model.directory / file.path if file.stored is None else Stored(file.stored),
            path=PurePosixPath(model.name) / file.path,
            size=file.size,
            sha256=file.sha256,
        )
        for model in models
        for file in model.all_files
    )
    return tuple(sorted(files, key=lambda file: file.path.as_posix()))
