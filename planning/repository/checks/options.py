"""The remaining blocks of a config that Triton looks into: batch tensors, cache, metrics, accelerators."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.config import BatchInput, BatchOutput, data_type, parameter
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean

OPTIONS_AGREE = Rule("TU228", Severity.ERROR, "The config's further options agree with each other")

_ACCELERATORS = {
    "gpu_execution_accelerator": ("cuda", "tensorrt"),
    "cpu_execution_accelerator": ("openvino",),
}
"""What ONNX Runtime's backend knows (LoadModel in onnxruntime_backend, src/onnxruntime.cc)."""

AGENTS = ("checksum",)
"""The repository agents in NVIDIA's images (enable_all in server/build.py, `--repoagent`)."""

_TAG = re.compile(r"([A-Za-z0-9][A-Za-z0-9_]*)?")
"""What is a label of Prometheus with an underscore before it (GetMetricLabels, core, src/metric_model_reporter.cc): two
underscores are Prometheus' own. The client library throws at another, and the server ends."""

BATCH_STRATEGY = "TRITON_BATCH_STRATEGY_PATH"


def check_options(model: Model) -> Iterator[Finding]:
    """ValidateBatchIO, ValidateModelConfig and ValidateModelMetrics (core, src/model_config_utils.cc)."""
    yield from _check_batch_tensors(model)
    config = model.config
    if config.response_cache.enable:
        if config.HasField("sequence_batching"):
            what = "The response cache is on for a model with sequence batching, whose answers depend on more."
            yield model.finding(OPTIONS_AGREE, "response_cache", what, "Leave response_cache out.")
        if config.model_transaction_policy.decoupled:
            what = "The response cache is on for a decoupled model, which may answer any number of times."
            yield model.finding(OPTIONS_AGREE, "response_cache", what, "Leave response_cache out.")
    for index, metric in enumerate(config.model_metrics.metric_control):
        at = f"model_metrics.metric_control[{index}]"
        if not metric.metric_identifier.family:
            what = "The metric control names no metric."
            yield model.finding(OPTIONS_AGREE, at, what, "Write metric_identifier { family: … }.")
        if not metric.histogram_options.buckets:
            what = "The metric control has no buckets."
            yield model.finding(OPTIONS_AGREE, at, what, "Write histogram_options { buckets: [ … ] }.")
    for tag in sorted(config.metric_tags):
        if not _TAG.fullmatch(tag):
            what = f"The server ends at the metric tag {tag!r}, which cannot be a label of Prometheus."
            fix = "Write letters, digits and underscores, and a letter or a digit first."
            yield model.finding(OPTIONS_AGREE, f'metric_tags["{tag}"]', what, fix)
    for index, agent in enumerate(config.model_repository_agents.agents):
        if agent.name not in AGENTS:
            what = f"The server has no repository agent {agent.name!r}."
            fix = did_you_mean(agent.name, AGENTS) + f"It has {', '.join(AGENTS)}."
            yield model.finding(OPTIONS_AGREE, f"model_repository_agents.agents[{index}].name", what, fix)
    yield from _check_batch_strategy(model)
    yield from _check_accelerators(model)


def _check_batch_strategy(model: Model) -> Iterator[Finding]:
    """TritonModel::Create (core, src/backend_model.cc): the path is the one in the server, and must not leave the
    model's directory there."""
    if BATCH_STRATEGY not in model.config.parameters:
        return
    path, at = parameter(model.config, BATCH_STRATEGY), f'parameters["{BATCH_STRATEGY}"]'
    if model.config.HasField("sequence_batching"):
        what = f"The batching library {path!r} is given to a model with sequence batching."
        yield model.finding(OPTIONS_AGREE, at, what, "Leave the parameter out.")
    elif not any(path.endswith(f"/{model.name}/{file.path}") for file in model.all_files):
        what = f"The batching library {path!r} is no file in the model's directory."
        fix = "Leave the parameter out, and put the library beside config.pbtxt as batchstrategy.so."
        yield model.finding(OPTIONS_AGREE, at, what, fix)


def _check_accelerators(model: Model) -> Iterator[Finding]:
    if model.backend != "onnxruntime":
        return
    accelerators = model.config.optimization.execution_accelerators
    for field, known in _ACCELERATORS.items():
        listed = (
            accelerators.gpu_execution_accelerator
            if field.startswith("gpu")
            else accelerators.cpu_execution_accelerator
        )
        for index, accelerator in enumerate(listed):
            if accelerator.name not in known:
                what = f"ONNX Runtime has no {field.replace('_', ' ')} {accelerator.name!r}."
                fix = did_you_mean(accelerator.name, known) + f"Write one of {', '.join(known)}."
                at = f"optimization.execution_accelerators.{field}[{index}].name"
                yield model.finding(OPTIONS_AGREE, at, what, fix)


def _check_batch_tensors(model: Model) -> Iterator[Finding]:
    for index, batch in enumerate(model.config.batch_input):
        at = f"batch_input[{index}]"
        yield from _check_sources(model, at, batch)
        if data_type(batch.data_type) not in ("TYPE_INT32", "TYPE_FP32"):
            what = f"The batch input has the data_type {data_type(batch.data_type)}."
            yield model.finding(OPTIONS_AGREE, at, what, "Write data_type: TYPE_INT32 or TYPE_FP32.")
    outputs = {tensor.name for tensor in model.outputs}
    for index, batch in enumerate(model.config.batch_output):
        at = f"batch_output[{index}]"
        yield from _check_sources(model, at, batch)
        for target in sorted(set(batch.target_name)):
            if target not in outputs:
                what = f"The batch output is for {target!r}, which is no output of the model."
                yield model.finding(OPTIONS_AGREE, at, what, did_you_mean(target, outputs) + "Name an output.")
        if len(set(batch.target_name)) != len(batch.target_name):
            what = "The batch output names an output twice."
            yield model.finding(OPTIONS_AGREE, at, what, "Name each output once.")


def _check_sources(model: Model, at: str, batch: BatchInput | BatchOutput) -> Iterator[Finding]:
    if len(batch.source_input) != 1:
        what = f"It has {len(batch.source_input)} source inputs."
        yield model.finding(OPTIONS_AGREE, at, what, "Name one source_input.")
    known = {tensor.name for tensor in model.inputs}
    for source in batch.source_input:
        if source not in known:
            what = f"Its source input {source!r} is no input of the model."
            yield model.finding(OPTIONS_AGREE, at, what, did_you_mean(source, known) + "Name an input.")
