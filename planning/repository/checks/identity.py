"""Which backend runs a model, and under which name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.completion import ENSEMBLE, PLATFORMS
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean

NAME_IS_DIRECTORY = Rule("TU206", Severity.ERROR, "A model is named like its directory")
BACKEND_IS_KNOWN = Rule("TU207", Severity.ERROR, "Every model's backend is known and agrees with its platform")


def check_identity(model: Model, backends: Collection[str]) -> Iterator[Finding]:
    """Name, backend and platform, as ValidateModelConfig and GetBackendType (core,
    src/model_config_utils.cc) and ModelRepositoryManager::InitializeModelInfo want them.

    `backends` are those that the server's image has; a model may also bring its own library.
    """
    config = model.config
    if config.name and config.name != model.name:
        what = f"The model is named {config.name!r} in the directory {model.name!r}."
        fix = f'Write name: "{model.name}", or leave the name out.'
        yield model.finding(NAME_IS_DIRECTORY, "name", what, fix)
    if model.backend == ENSEMBLE:
        return
    if not model.backend:
        yield _undecided(model)
    elif model.backend not in backends and not _brings_library(model):
        what = f"The server has no backend {model.backend!r}."
        fix = did_you_mean(model.backend, backends) + f"It has {', '.join(sorted(backends))}."
        yield model.finding(BACKEND_IS_KNOWN, "backend", what, fix)
    else:
        yield from _check_runtime(model)
    accepted = PLATFORMS.get(model.backend)
    if accepted is not None and model.platform not in accepted:
        what = f"The platform {model.platform!r} is not one of backend {model.backend!r}."
        fix = f'Leave platform out, or write platform: "{accepted[0]}".'
        yield model.finding(BACKEND_IS_KNOWN, "platform", what, fix)


def _check_runtime(model: Model) -> Iterator[Finding]:
    """The library by name, in the model's own directories or the backend's (GetBackendLibraryProperties, core
    src/backend_model.cc). Newer releases refuse what climbs out of them."""
    runtime, library = model.config.runtime, f"libtriton_{model.backend}.so"
    if runtime in ("", library, "model.py") or _brings_library(model):
        return
    what = f"The runtime {runtime!r} is no library of backend {model.backend!r}."
    yield model.finding(BACKEND_IS_KNOWN, "runtime", what, f'Leave runtime out, or write runtime: "{library}".')


def _undecided(model: Model) -> Finding:
    config = model.config
    if config.HasField("ensemble_scheduling"):
        return model.finding(
            BACKEND_IS_KNOWN,
            "ensemble_scheduling",
            "An ensemble must say that it is one: neither platform nor backend is given.",
            'Write platform: "ensemble".',
        )
    if config.platform:
        known = sorted(platform for platforms in PLATFORMS.values() for platform in platforms)
        return model.finding(
            BACKEND_IS_KNOWN,
            "platform",
            f"No backend goes with the platform {config.platform!r}.",
            did_you_mean(config.platform, [*known, ENSEMBLE]) + 'Write backend: "onnxruntime" or another.',
        )
    return model.finding(
        BACKEND_IS_KNOWN,
        "backend",
        "Nothing says which backend runs this model, and no file in its first version does.",
        'Write backend: "onnxruntime" or another.',
    )


def _brings_library(model: Model) -> bool:
    """Whether the model's own directory has the backend's library, where Triton looks first."""
    names = {f"libtriton_{model.backend}.so", model.config.runtime}
    return any(file.path.name in names for file in model.all_files)
