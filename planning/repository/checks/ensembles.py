"""Ensembles: their declaration, and the models that their steps call.

Source: ValidateEnsembleSchedulingConfig (core, src/model_config_utils.cc), ValidateTensorMapping and
ValidateEnsembleConfig (src/ensemble_scheduler/ensemble_utils.cc), and the dependency graph of
src/model_repository_manager/model_repository_manager.cc.
"""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.checks.tensors import nothing_completes
from planning.repository.completion import ENSEMBLE
from planning.repository.config import EnsembleStep
from planning.repository.model import Model, Repository
from planning.repository.suggestion import did_you_mean, listed

IS_DECLARED = Rule("TU230", Severity.ERROR, "An ensemble is declared as one, with complete steps")
STEPS_EXIST = Rule("TU231", Severity.ERROR, "Every step of an ensemble calls a served model and version")
MAPS_FIT = Rule("TU232", Severity.ERROR, "Every step maps its model's own inputs and outputs")
BATCH_FITS = Rule("TU235", Severity.ERROR, "An ensemble takes no larger batch than its steps do")


def check_ensemble(model: Model, repository: Repository) -> Iterator[Finding]:
    """Everything about an ensemble but the tensors that flow through it (`planning.repository.checks.flow`)."""
    if model.backend != ENSEMBLE and not model.config.HasField("ensemble_scheduling"):
        return
    yield from _check_declaration(model)
    for index, step in enumerate(model.config.ensemble_scheduling.step):
        at = f"ensemble_scheduling.step[{index}]"
        yield from _check_complete(model, at, step)
        if step.model_name in repository.models:
            called = repository.models[step.model_name]
            yield from _check_version(model, at, step, called)
            yield from _check_maps(model, at, step, called)
            yield from _check_batch(model, called)
        elif step.model_name and step.model_name not in repository.broken:
            what = f"The step calls {step.model_name!r}, which is not in this repository."
            known = [name for name in repository.models if name != model.name]
            fix = did_you_mean(step.model_name, known) + "Name a model of this repository."
            yield model.finding(STEPS_EXIST, f"{at}.model_name", what, fix)
    circle = _circle(model, repository)
    if circle:
        what = f"The ensemble ends up calling itself: {' -> '.join(circle)}."
        yield model.finding(STEPS_EXIST, "ensemble_scheduling", what, "Take one of these steps out.")


def _check_declaration(model: Model) -> Iterator[Finding]:
    config = model.config
    if not config.HasField("ensemble_scheduling"):
        what, fix = "The ensemble has no steps.", "Write ensemble_scheduling { step [ … ] }."
        yield model.finding(IS_DECLARED, "platform", what, fix)
        return
    if not config.ensemble_scheduling.step:
        what, fix = "The ensemble has no steps.", "Add a step for each model that it calls."
        yield model.finding(IS_DECLARED, "ensemble_scheduling", what, fix)
    if config.platform != ENSEMBLE and (config.platform or config.backend):
        named = f"platform {config.platform!r}" if config.platform else f"backend {config.backend!r}"
        what = f"The model has steps, and {named}."
        fix = 'Write platform: "ensemble" and no backend.'
        yield model.finding(IS_DECLARED, "platform" if config.platform else "backend", what, fix)
    elif config.platform == ENSEMBLE and config.backend:
        what = f"The ensemble has the backend {config.backend!r}."
        yield model.finding(IS_DECLARED, "backend", what, "Leave backend out.")
    present = {
        "instance_group": bool(config.instance_group),
        "optimization": config.HasField("optimization"),
        "model_warmup": bool(config.model_warmup),
    }
    for field, given in present.items():
        if given:
            what = f"The ensemble has {field}, which belongs to the models that it calls."
            yield model.finding(IS_DECLARED, field, what, f"Move {field} to those models.")


def _check_complete(model: Model, at: str, step: EnsembleStep) -> Iterator[Finding]:
    if not step.model_name:
        what, fix = "The step names no model.", "Write model_name."
        yield model.finding(IS_DECLARED, at, what, fix)
    for field, entries in (("input_map", step.input_map), ("output_map", step.output_map)):
        if not entries:
            what = f"The step of {step.model_name!r} has no {field}."
            fix = f"Write {field} {{ key: (tensor of the model) value: (tensor of the ensemble) }}."
            yield model.finding(IS_DECLARED, at, what, fix)


def _check_version(model: Model, at: str, step: EnsembleStep, called: Model) -> Iterator[Finding]:
    """A step without a version asks for version 0: only -1 means the latest."""
    version = step.model_version
    served = {version.number for version in called.served}
    if version == -1 or version in served or not served or called.planned:
        return  # a model without any version has a finding of its own
    what = f"The step calls version {version} of {called.name!r}, which serves {_list(served)}."
    if not version:
        what = f"The step of {called.name!r} states no model_version, which Triton takes for version 0."
    yield model.finding(STEPS_EXIST, f"{at}.model_version", what, "Write model_version: -1 for the latest.")


def _list(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"


def _check_maps(model: Model, at: str, step: EnsembleStep, called: Model) -> Iterator[Finding]:
    inputs = {tensor.name: tensor for tensor in called.inputs}
    outputs = {tensor.name for tensor in called.outputs}
    unmapped = [name for name, tensor in inputs.items() if name not in step.input_map and not tensor.optional]
    # What the called model's code or engine declares by itself is not known here.
    all_stated = called.backend == "python" and nothing_completes(called)
    if inputs or all_stated:
        for name in sorted(set(step.input_map) - set(inputs)):
            what = f"The step maps the input {name!r}, which {called.name!r} has not."
            hint = did_you_mean(name, unmapped) or did_you_mean(name, inputs)
            fix = f"{hint}It has {listed(inputs)}."
            yield model.finding(MAPS_FIT, f'{at}.input_map["{name}"]', what, fix)
        for name in unmapped:
            what = f"The step leaves the input {name!r} of {called.name!r} without a tensor."
            fix = f'Write input_map {{ key: "{name}" value: (tensor of the ensemble) }}.'
            yield model.finding(MAPS_FIT, f"{at}.input_map", what, fix)
    if outputs or all_stated:
        for name in sorted(set(step.output_map) - outputs):
            what = f"The step maps the output {name!r}, which {called.name!r} has not."
            fix = did_you_mean(name, outputs) + f"It has {listed(outputs)}."
            yield model.finding(MAPS_FIT, f'{at}.output_map["{name}"]', what, fix)


def _check_batch(model: Model, called: Model) -> Iterator[Finding]:
    if 0 < called.max_batch_size < model.max_batch_size:
        what = (
            f"The ensemble takes batches of {model.max_batch_size}, its step {called.name!r}"
            f" at most {called.max_batch_size}."
        )
        fix = f"Write max_batch_size: {called.max_batch_size} or less here, or raise it in {called.name!r}."
        yield model.finding(BATCH_FITS, "max_batch_size", what, fix)


def _circle(model: Model, repository: Repository) -> list[str]:
    """The way from an ensemble's step back to the ensemble, or nothing."""
    trail: list[tuple[str, ...]] = [(model.name,)]
    seen: set[str] = set()
    while trail:
        path = trail.pop()
        called = repository.models.get(path[-1])
        for step in called.steps if called is not None else ():
            if step == model.name:
                return [*path, step]
            if step not in seen:
                seen.add(step)
                trail.append((*path, step))
    return []
