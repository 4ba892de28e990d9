"""The shape of a `config.pbtxt`: the fields of Triton's ModelConfig message that planning reads.

The message itself comes from tritonclient (`inference.ModelConfig`, from model_config.proto of
triton-inference-server/common). Its generated module carries no types, so the part that is read here is
written down as protocols: at run time every object is the protobuf message.

Enumerations are the integers of the message; `enum_name` gives their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from planning.repository.generated import load


class Message(Protocol):
    def HasField(self, field_name: str) -> bool: ...  # noqa: N802  (protobuf's own name)
    def WhichOneof(self, oneof_group: str) -> str | None: ...  # noqa: N802


class Reshape(Message, Protocol):
    shape: Sequence[int]


class TensorConfig(Message, Protocol):
    """What inputs and outputs share."""

    name: str
    data_type: int
    dims: Sequence[int]
    reshape: Reshape
    is_shape_tensor: bool
    is_non_linear_format_io: bool


class InputConfig(TensorConfig, Protocol):
    format: int
    allow_ragged_batch: bool
    optional: bool


class OutputConfig(TensorConfig, Protocol):
    label_filename: str


class BatchInput(Message, Protocol):
    kind: int
    target_name: Sequence[str]
    data_type: int
    source_input: Sequence[str]


class BatchOutput(Message, Protocol):
    target_name: Sequence[str]
    kind: int
    source_input: Sequence[str]


class Latest(Message, Protocol):
    num_versions: int


class Specific(Message, Protocol):
    versions: Sequence[int]


class VersionPolicy(Message, Protocol):
    latest: Latest
    specific: Specific


class QueuePolicy(Message, Protocol):
    timeout_action: int
    default_timeout_microseconds: int
    allow_timeout_override: bool
    max_queue_size: int


class DynamicBatching(Message, Protocol):
    preferred_batch_size: Sequence[int]
    max_queue_delay_microseconds: int
    preserve_ordering: bool
    priority_levels: int
    default_priority_level: int
    default_queue_policy: QueuePolicy
    priority_queue_policy: Mapping[int, QueuePolicy]


class SequenceControl(Message, Protocol):
    kind: int
    int32_false_true: Sequence[int]
    fp32_false_true: Sequence[float]
    bool_false_true: Sequence[bool]
    data_type: int


class SequenceControlInput(Message, Protocol):
    name: str
    control: Sequence[SequenceControl]


class InitialState(Message, Protocol):
    data_type: int
    dims: Sequence[int]
    data_file: str
    name: str


class SequenceState(Message, Protocol):
    input_name: str
    output_name: str
    data_type: int
    dims: Sequence[int]
    initial_state: Sequence[InitialState]


class StrategyOldest(Message, Protocol):
    preferred_batch_size: Sequence[int]


class StrategyDirect(Message, Protocol):
    minimum_slot_utilization: float


class SequenceBatching(Message, Protocol):
    oldest: StrategyOldest
    direct: StrategyDirect
    control_input: Sequence[SequenceControlInput]
    state: Sequence[SequenceState]


class EnsembleStep(Message, Protocol):
    model_name: str
    model_version: int
    input_map: Mapping[str, str]
    """Input of the step's model -> ensemble tensor."""
    output_map: Mapping[str, str]
    """Output of the step's model -> ensemble tensor."""


class EnsembleScheduling(Message, Protocol):
    step: Sequence[EnsembleStep]


class InstanceGroup(Message, Protocol):
    name: str
    kind: int
    count: int
    gpus: Sequence[int]
    profile: Sequence[str]
    passive: bool


class Parameter(Message, Protocol):
    string_value: str


class WarmupInput(Message, Protocol):
    data_type: int
    dims: Sequence[int]
    input_data_file: str


class Warmup(Message, Protocol):
    name: str
    batch_size: int
    inputs: Mapping[str, WarmupInput]
    count: int


class Accelerator(Message, Protocol):
    name: str
    parameters: Mapping[str, str]


class ExecutionAccelerators(Message, Protocol):
    gpu_execution_accelerator: Sequence[Accelerator]
    cpu_execution_accelerator: Sequence[Accelerator]


class Optimization(Message, Protocol):
    execution_accelerators: ExecutionAccelerators


class ModelOperations(Message, Protocol):
    op_library_filename: Sequence[str]


class TransactionPolicy(Message, Protocol):
    decoupled: bool


class Agent(Message, Protocol):
    name: str
    parameters: Mapping[str, str]


class RepositoryAgents(Message, Protocol):
    agents: Sequence[Agent]


class ResponseCache(Message, Protocol):
    enable: bool


class MetricIdentifier(Message, Protocol):
    family: str


class HistogramOptions(Message, Protocol):
    buckets: Sequence[float]


class MetricControl(Message, Protocol):
    metric_identifier: MetricIdentifier
    histogram_options: HistogramOptions


class ModelMetrics(Message, Protocol):
    metric_control: Sequence[MetricControl]


class ModelConfig(Message, Protocol):
    """One model's `config.pbtxt`."""

    name: str
    platform: str
    backend: str
    runtime: str
    version_policy: VersionPolicy
    max_batch_size: int
    input: Sequence[InputConfig]
    output: Sequence[OutputConfig]
    batch_input: Sequence[BatchInput]
    batch_output: Sequence[BatchOutput]
    optimization: Optimization
    dynamic_batching: DynamicBatching
    sequence_batching: SequenceBatching
    ensemble_scheduling: EnsembleScheduling
    instance_group: Sequence[InstanceGroup]
    default_model_filename: str
    cc_model_filenames: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    metric_tags: Mapping[str, str]
    model_warmup: Sequence[Warmup]
    model_operations: ModelOperations
    model_transaction_policy: TransactionPolicy
    model_repository_agents: RepositoryAgents
    response_cache: ResponseCache
    model_metrics: ModelMetrics


def empty_config() -> ModelConfig:
    """A new message without any field set."""
    return cast("ModelConfig", load("tritonclient.grpc", "model_config_pb2").ModelConfig())


@cache
def enum_name(enum: str, value: int) -> str:
    """The name of `value` in `enum` (`DataType`, `ModelInstanceGroup.Kind`, `ModelInput.Format`, …)."""
    owner: object = load("tritonclient.grpc", "model_config_pb2")
    for part in enum.split("."):
        owner = getattr(owner, part)
    return cast("_Enum", owner).Name(value)


class _Enum(Protocol):
    def Name(self, number: int) -> str: ...  # noqa: N802


def data_type(value: int) -> str:
    """`TYPE_FP32` and so on, `TYPE_INVALID` where the config names none."""
    return enum_name("DataType", value)


def parameter(config: ModelConfig, key: str) -> str:
    """The string value of `parameters[key]`, empty where it is not set."""
    return config.parameters[key].string_value if key in config.parameters else ""
