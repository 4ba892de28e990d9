"""Checking a model repository: what Triton would refuse, found before anything is deployed.

Everything in the repository is checked, whether a server serves it or not. Each module has one subject
and names Triton's own rule that it follows; a rule's page is in `docs/rules/`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from planning.findings import Finding
from planning.repository.checks.backends import check_backend
from planning.repository.checks.batching import check_batching
from planning.repository.checks.code import check_code
from planning.repository.checks.engines import check_engine
from planning.repository.checks.ensembles import check_ensemble
from planning.repository.checks.flow import check_flow
from planning.repository.checks.identity import check_identity
from planning.repository.checks.instances import check_gpus, check_instances
from planning.repository.checks.kept_answers import check_kept_answers
from planning.repository.checks.labels import check_labels
from planning.repository.checks.layout import check_external_data, check_model_files, check_versions
from planning.repository.checks.opsets import OnnxSupport, check_opsets
from planning.repository.checks.options import check_options
from planning.repository.checks.sequences import check_sequences
from planning.repository.checks.signature import check_signature
from planning.repository.checks.states import check_states
from planning.repository.checks.tensors import check_tensors
from planning.repository.checks.warmup import check_warmup
from planning.repository.completion import KNOWN_BACKENDS
from planning.repository.model import Model, Repository

__all__ = ["OnnxSupport", "check_gpus", "check_opsets", "check_repository"]


def check_repository(
    repository: Repository,
    *,
    allow_python: Collection[str],
    backends: Collection[str] = KNOWN_BACKENDS,
    onnx: OnnxSupport | None = None,
) -> tuple[Finding, ...]:
    """Every finding about the models of `repository`, model by model.

    `allow_python` names the models that may bring code (the setting `security.python_models`), `backends`
    what the server's image has, `onnx` what its ONNX Runtime loads, where that is known.
    """
    return tuple(
        finding
        for model in repository.models.values()
        for finding in dict.fromkeys(_check(model, repository, allow_python, backends, onnx))
    )


def _check(
    model: Model,
    repository: Repository,
    allow_python: Collection[str],
    backends: Collection[str],
    onnx: OnnxSupport | None,
) -> Iterator[Finding]:
    yield from check_identity(model, backends)
    yield from check_versions(model)
    yield from check_model_files(model)
    yield from check_external_data(model)
    yield from check_engine(model, repository)
    yield from check_tensors(model)
    yield from check_signature(model)
    yield from check_batching(model)
    yield from check_sequences(model)
    yield from check_states(model)
    yield from check_instances(model)
    yield from check_warmup(model)
    yield from check_labels(model)
    yield from check_options(model)
    yield from check_kept_answers(model)
    yield from check_backend(model)
    yield from check_ensemble(model, repository)
    yield from check_flow(model, repository)
    yield from check_code(model, allow_python)
    if onnx is not None:
        yield from check_opsets(model, onnx)
