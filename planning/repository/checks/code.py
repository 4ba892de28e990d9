"""Models that bring code along, which then runs inside the server with everything that it may do."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from planning.findings import Finding, Rule, Severity
from planning.repository.model import Model

CODE_IS_ALLOWED = Rule("TU250", Severity.ERROR, "Only models that are allowed by name bring code of their own")


def check_code(model: Model, allowed: Collection[str]) -> Iterator[Finding]:
    """Whoever can write to the repository can run code in the server through such a model (Triton's
    "Secure Deployment Considerations", docs/customization_guide/deploy.md)."""
    if model.name in allowed:
        return
    brought = _brought(model)
    if brought is None:
        return
    what = f"The model {model.name!r} runs code of its own in the server ({brought})."
    fix = f"Read it, then add {model.name!r} to security.python_models in the stack file; or remove the model."
    field = "backend" if model.config.backend else ""
    yield model.finding(CODE_IS_ALLOWED, field, what, fix)


def _brought(model: Model) -> str | None:
    """What Triton would execute: a Python model's file, a library, another Python environment."""
    if model.backend == "python":
        number = model.served[-1].number if model.served else 1
        return str(PurePosixPath(str(number), model.model_filename))
    for key in ("EXECUTION_ENV_PATH", "TRITON_BATCH_STRATEGY_PATH"):
        if key in model.config.parameters:
            return f"parameter {key}"
    if model.backend == "dali":
        pipelines = (file.path for version in model.served for file in version.files if file.path.suffix == ".py")
        return next(map(str, pipelines), None)
    if any(version.engine_arguments is not None and version.engine_arguments.runs_code for version in model.served):
        return "trust_remote_code in model.json"
    if model.config.runtime == "model.py" and model.backend == "pytorch":
        return 'runtime "model.py"'
    for library in model.config.model_operations.op_library_filename:
        return f"the operator library {library}"
    named = (f"libtriton_{model.backend}.so", "batchstrategy.so")
    library = next((file.path for file in model.all_files if file.path.name in named), None)
    return str(library) if library is not None else None
