"""Batching, sequences, instances, warm-up, labels and options, as Triton's core decides them."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.core_models import plain, python, seed
from tests.preflight.seeds import Cited, Ours, Seed, changed, without

PRIORITIES = """dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  priority_levels: 2
  default_priority_level: 1
  priority_queue_policy { key: 2 value { max_queue_size: 9 } }
}
"""
ORDERED = """dynamic_batching {
  preserve_ordering: true
  priority_levels: 1
  default_priority_level: 1
  default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 9 }
  priority_queue_policy { key: 1 value { timeout_action: REJECT default_timeout_microseconds: 7 } }
}
"""
SEQUENCE = """sequence_batching {
  oldest { max_candidate_sequences: 4 preferred_batch_size: [ 4 ] }
  control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] } ]
  control_input [ { name: "END" control [ { kind: CONTROL_SEQUENCE_END int32_false_true: [ 0, 1 ] } ] } ]
  control_input [ { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY bool_false_true: [ false, true ] } ] } ]
  control_input [ { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } ] } ]
}
"""
DIRECT = "sequence_batching { direct { minimum_slot_utilization: 0.5 } }\n"
STATE = """sequence_batching {
  state [ { input_name: "IN" output_name: "OUT" data_type: TYPE_INT32 dims: [ 2 ]
            initial_state { name: "first" data_type: TYPE_INT32 dims: [ 2 ] zero_data: true } } ]
}
"""
FILED = STATE.replace("zero_data: true", 'data_file: "start"')
WARM = (
    'model_warmup { name: "w" batch_size: 2 inputs { key: "INPUT"'
    " value { data_type: TYPE_FP32 dims: [ 4 ] random_data: true } } }\n"
)
LABELLED = changed(python(), '"OUTPUT"', '"OUTPUT" label_filename: "labels.txt"') | {
    "subject/labels.txt": b"a\nb\nc\nd\n"
}
METRIC = (
    'model_metrics { metric_control { metric_identifier { family: "nv_inference_first_response_histogram_ms" }'
    " histogram_options { buckets: [ 1, 2 ] } } }\n"
)
NEWER = Cited("core", "73aad7c, 2026-06-09", "src/model_config_utils.cc, ValidateModelMetrics; unknown to 24.10")
CACHED = "response_cache { enable: true }\n"


def dynamic(name: str, rule: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, rule, f"dynamic_batching.{at}", old, new, *words, more=PRIORITIES)


def ordered(name: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU221", "preserve_ordering", old, new, *words, more=ORDERED)


def sequence(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU222", at, old, new, *words, more=SEQUENCE)


def state(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU222", at, old, new, *words, more=STATE)


def warm(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU224", at, old, new, *words, more=WARM)


def filed(name: str, at: str, old: str, new: str, content: bytes | None, *words: str) -> Seed:
    """A warm-up whose data are in a file."""
    right = WARM.replace("random_data: true", 'input_data_file: "data"')
    healthy = {**python(more=right), "subject/warmup/data": b"\0" * 16}
    faulty = changed(healthy, old, new)
    faulty = {**without(faulty, "subject/warmup/data"), **({"subject/warmup/data": content} if content else {})}
    return seed(name, "TU224", at, healthy, faulty, *words)


BATCHING: list[Seed] = [
    plain("a negative batch", "TU220", "max_batch_size", "max_batch_size: 8", "max_batch_size: -1", "-1"),
    dynamic("a preferred size beyond the batch", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ 4, 16 ]", "16", "8"),
    dynamic("a preferred size of none", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ 0 ]", "size 0"),
    dynamic("a negative preferred size", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ -4 ]", "-4"),
    plain(
        "a preferred size without a batch",
        "TU220",
        "preferred_batch_size",
        "max_batch_size: 8",
        "max_batch_size: 0",
        "max_batch_size 0",
        more="dynamic_batching { preferred_batch_size: [ 4 ] }\n",
    ),
    dynamic(
        "no default priority",
        "TU221",
        "default_priority_level",
        "default_priority_level: 1",
        "default_priority_level: 0",
        "is 0",
    ),
    dynamic(
        "a default priority beyond the levels",
        "TU221",
        "default_priority_level",
        "default_priority_level: 1",
        "default_priority_level: 3",
        "is 3",
        "2",
    ),
    dynamic(
        "a policy for a priority beyond the levels", "TU221", "priority_queue_policy", "key: 2", "key: 3", "priority 3"
    ),
    dynamic("a policy for priority 0", "TU221", "priority_queue_policy", "key: 2", "key: 0", "priority 0"),
    ordered("order with two priorities", "priority_levels: 1", "priority_levels: 2", "2 priority levels"),
    ordered(
        "order with delays", "REJECT default_timeout_microseconds: 9", "DELAY default_timeout_microseconds: 9", "REJECT"
    ),
    ordered(
        "order with delays of one priority",
        "REJECT default_timeout_microseconds: 7",
        "DELAY default_timeout_microseconds: 7",
        "REJECT",
    ),
    plain(
        "a batching library outside",
        "TU228",
        '["TRITON_BATCH_STRATEGY_PATH"]',
        'key: "OTHER"',
        'key: "TRITON_BATCH_STRATEGY_PATH"',
        "'/lib/x.so'",
        more='parameters { key: "OTHER" value { string_value: "/lib/x.so" } }\n',
    ),
    plain(
        "a batching library with sequences",
        "TU228",
        '["TRITON_BATCH_STRATEGY_PATH"]',
        'key: "OTHER"',
        'key: "TRITON_BATCH_STRATEGY_PATH"',
        "sequence",
        more='sequence_batching { }\nparameters { key: "OTHER" value { string_value: "/lib/x.so" } }\n',
    ),
]

SEQUENCES: list[Seed] = [
    sequence("a control without a name", "control_input[0]", 'name: "START" ', "", "no name"),
    sequence("a control twice", "control_input[1]", 'name: "END"', 'name: "START"', "'START'"),
    sequence(
        "two starts", "control_input[1]", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_START"
    ),
    sequence("a start without values", "control_input[0]", "fp32_false_true: [ 0, 1 ]", "", "no values"),
    sequence(
        "a start of two kinds of value",
        "control_input[0]",
        "fp32_false_true: [ 0, 1 ]",
        "fp32_false_true: [ 0, 1 ] int32_false_true: [ 0, 1 ]",
        "fp32_false_true",
    ),
    sequence(
        "a start of one value", "control_input[0]", "fp32_false_true: [ 0, 1 ]", "fp32_false_true: [ 1 ]", "1 values"
    ),
    sequence(
        "an end of three values",
        "control_input[1]",
        "int32_false_true: [ 0, 1 ]",
        "int32_false_true: [ 0, 1, 2 ]",
        "3 values",
    ),
    sequence("a readiness of one value", "control_input[2]", "[ false, true ]", "[ true ]", "1 values"),
    sequence("a correlation without a type", "control_input[3]", " data_type: TYPE_UINT64", "", "TYPE_UINT64"),
    sequence("a correlation of fractions", "control_input[3]", "TYPE_UINT64", "TYPE_FP32", "TYPE_FP32"),
    sequence(
        "a correlation with values",
        "control_input[3]",
        "data_type: TYPE_UINT64",
        "data_type: TYPE_UINT64 int32_false_true: [ 0, 1 ]",
        "int32_false_true",
    ),
    sequence("a sequence batch beyond the batch", "preferred_batch_size", "size: [ 4 ] }", "size: [ 9 ] }", "9"),
    sequence("a sequence batch of none", "preferred_batch_size", "size: [ 4 ] }", "size: [ 0 ] }", "0"),
    plain("more slots than there are", "TU222", "minimum_slot_utilization", "0.5", "1.5", "1.5", more=DIRECT),
    plain("fewer slots than none", "TU222", "minimum_slot_utilization", "0.5", "-0.5", "-0.5", more=DIRECT),
    state(
        "two first states", "initial_state", "zero_data: true }", 'zero_data: true } initial_state { name: "b" }', "2"
    ),
    state(
        "a first state of another type",
        "data_type",
        "data_type: TYPE_INT32 dims: [ 2 ] zero",
        "data_type: TYPE_FP32 dims: [ 2 ] zero",
        "TYPE_FP32",
        "TYPE_INT32",
    ),
    state("a first state without a name", "initial_state[0]", 'name: "first" ', "", "name"),
    state("a first state of another rank", "dims", "dims: [ 2 ] zero", "dims: [ 2, 1 ] zero", "[2, 1]"),
    state("a first state of another size", "dims", "dims: [ 2 ] zero", "dims: [ 3 ] zero", "[3]"),
    state("a first state of any size", "dims", "dims: [ 2 ] zero", "dims: [ -1 ] zero", "[-1]"),
    state("a first state of nothing", "initial_state[0]", "zero_data: true", "", "zero_data"),
    state(
        "two states into one input",
        "state[1]",
        "zero_data: true } } ]",
        'zero_data: true } } ] state [ { input_name: "IN" output_name: "O2" data_type: TYPE_INT32 dims: [ 2 ]'
        ' initial_state { name: "second" data_type: TYPE_INT32 dims: [ 2 ] zero_data: true } } ]',
        "'IN'",
    ),
    seed(
        "a first state whose file is missing",
        "TU222",
        "data_file",
        {**python(more=FILED), "subject/initial_state/start": b"\0" * 8},
        python(more=FILED),
        "initial_state/start",
    ),
    seed(
        "a first state whose file is short",
        "TU222",
        "data_file",
        {**python(more=FILED), "subject/initial_state/start": b"\0" * 8},
        {**python(more=FILED), "subject/initial_state/start": b"\0" * 7},
        "7 bytes",
    ),
]

INSTANCES: list[Seed] = [
    plain(
        "a CPU with a GPU",
        "TU223",
        "gpus",
        "kind: KIND_CPU",
        "kind: KIND_CPU gpus: [ 0 ]",
        "KIND_CPU",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "a model's own placement with a GPU",
        "TU223",
        "gpus",
        "kind: KIND_MODEL",
        "kind: KIND_MODEL gpus: [ 0 ]",
        "KIND_MODEL",
        more="instance_group { kind: KIND_MODEL }\n",
    ),
    plain(
        "a profile without TensorRT",
        "TU223",
        "profile",
        "kind: KIND_CPU",
        'kind: KIND_CPU profile: [ "0" ]',
        "python",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "a negative GPU",
        "TU223",
        "gpus",
        "kind: KIND_CPU",
        "kind: KIND_GPU gpus: [ -1 ]",
        "-1",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "fewer than no instances",
        "TU223",
        "count",
        "count: 1",
        "count: -1",
        "-1",
        more="instance_group { kind: KIND_CPU count: 1 }\n",
        judge=Ours("Triton takes it for one instance, which is hardly what was meant"),
    ),
]

ON_A_CPU: list[Seed] = [
    replace(seed, gpus=0)
    for seed in (
        plain(
            "a GPU group on a server without",
            "TU223",
            "kind",
            "KIND_CPU",
            "KIND_GPU",
            "KIND_GPU",
            more="instance_group { kind: KIND_CPU }\n",
        ),
        plain(
            "a GPU on a server without",
            "TU223",
            "gpus",
            "count: 1",
            "count: 1 gpus: [ 0 ]",
            "GPU 0",
            more="instance_group { count: 1 }\n",
        ),
        plain(
            "a second GPU on a server without",
            "TU223",
            "kind",
            "kind: KIND_CPU",
            "kind: KIND_GPU gpus: [ 1 ]",
            "KIND_GPU",
            more="instance_group { kind: KIND_CPU }\n",
        ),
    )
]
"""Instance groups on a server without a GPU, which the judge is."""

WARMUP: list[Seed] = [
    warm("a warm-up of any size", "dims", "dims: [ 4 ] random", "dims: [ -1 ] random", "[-1]"),
    warm("a warm-up of another size", "dims", "dims: [ 4 ] random", "dims: [ 5 ] random", "[5]", "[4]"),
    warm("a warm-up of another rank", "dims", "dims: [ 4 ] random", "dims: [ 1, 4 ] random", "[1, 4]"),
    warm("a warm-up of no dims", "dims", " dims: [ 4 ] random", " random", "[]"),
    warm(
        "a warm-up of another type",
        "data_type",
        "TYPE_FP32 dims: [ 4 ] random",
        "TYPE_INT32 dims: [ 4 ] random",
        "TYPE_INT32",
    ),
    warm(
        "a warm-up of no type",
        "data_type",
        "data_type: TYPE_FP32 dims: [ 4 ] random",
        "dims: [ 4 ] random",
        "TYPE_INVALID",
    ),
    warm("a warm-up without data", '["INPUT"]', "random_data: true", "", "zero_data"),
    warm("a warm-up of another input", '["INPT"]', 'key: "INPUT"', 'key: "INPT"', "Did you mean 'INPUT'?"),
    plain(
        "a warm-up without an input",
        "TU224",
        "inputs",
        " } ]\noutput",
        ' }, { name: "MORE" data_type: TYPE_FP32 dims: [ 1 ] } ]\noutput',
        "'MORE'",
        more=WARM,
    ),
    filed("a warm-up whose file is missing", "input_data_file", "batch_size: 2", "batch_size: 2", None, "warmup/data"),
    filed("a warm-up whose file is short", "input_data_file", "batch_size: 2", "batch_size: 2", b"\0" * 15, "15 bytes"),
    filed("a warm-up of a file of another name", "input_data_file", '"data"', '"date"', b"\0" * 16, "warmup/date"),
]

LABELS: list[Seed] = [
    seed(
        "a label file that is missing",
        "TU226",
        "label_filename",
        LABELLED,
        without(LABELLED, "subject/labels.txt"),
        "'labels.txt'",
    ),
    seed(
        "a label file outside",
        "TU226",
        "label_filename",
        LABELLED,
        changed(LABELLED, '"labels.txt"', '"../helper/labels.txt"') | {"helper/labels.txt": b"a\n"} | python("helper"),
        "outside",
    ),
    seed(
        "a label file of an absolute path",
        "TU226",
        "label_filename",
        LABELLED,
        changed(LABELLED, '"labels.txt"', '"/etc/hostname-of-nobody"'),
        "outside",
    ),
]

OPTIONS: list[Seed] = [
    plain(
        "a cache of a decoupled model",
        "TU228",
        "response_cache",
        CACHED,
        f"{CACHED}model_transaction_policy {{ decoupled: true }}",
        "decoupled",
        more=CACHED,
    ),
    plain(
        "a cache of sequences",
        "TU228",
        "response_cache",
        CACHED,
        f"{CACHED}sequence_batching {{ }}",
        "sequence",
        more=CACHED,
    ),
    plain(
        "a metric without a name",
        "TU228",
        "metric_control[0]",
        '"nv_inference_first_response_histogram_ms"',
        '""',
        "family",
        more=METRIC,
        judge=NEWER,
    ),
    plain(
        "a metric of nothing",
        "TU228",
        "metric_control[0]",
        'metric_identifier { family: "nv_inference_first_response_histogram_ms" }',
        "",
        "family",
        more=METRIC,
        judge=NEWER,
    ),
    plain(
        "a metric without buckets", "TU228", "metric_control[0]", "[ 1, 2 ]", "[ ]", "buckets", more=METRIC, judge=NEWER
    ),
    plain(
        "a metric without options",
        "TU228",
        "metric_control[0]",
        "histogram_options { buckets: [ 1, 2 ] }",
        "",
        "buckets",
        more=METRIC,
        judge=NEWER,
    ),
]

HEALTHY = {
    "batching": python(more="dynamic_batching { }\n"),
    "a single preferred size": python(more="dynamic_batching { preferred_batch_size: [ 8 ] }\n"),
    "order of one priority": python(more=ORDERED),
    "order without a time-out": python(
        more="dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }\n"
    ),
    "a queue without a batch": changed(
        python(more="dynamic_batching { default_queue_policy { max_queue_size: 4 } }\n"), "size: 8", "size: 0"
    ),
    "sequences of nothing": python(more="sequence_batching { }\n"),
    "iterative sequences": python(more="sequence_batching { iterative_sequence: true }\n"),
    "a state without a first": python(more=STATE.split("            initial")[0] + "} ]\n}\n"),
    "a state of any size": python(more=STATE.replace("dims: [ 2 ]\n", "dims: [ -1 ]\n")),
    "instances": python(more='instance_group [ { kind: KIND_CPU count: 2 }, { kind: KIND_CPU name: "b" } ]\n'),
    "a host policy": python(more='instance_group [ { kind: KIND_CPU host_policy: "numa_0" } ]\n'),
    "a rate limiter": python(
        more="instance_group [ { kind: KIND_CPU"
        ' rate_limiter { resources [ { name: "R1" count: 4 } ] priority: 2 } } ]\n'
    ),
    "a warm-up with more than is declared": python(
        more=WARM.replace(
            "random_data: true } } }",
            'random_data: true } } inputs { key: "MORE" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } } }',
        )
    ),
    "two warm-ups": python(more=WARM + WARM.replace('"w"', '"x"').replace("random_data", "zero_data")),
    "a cache": python(more=CACHED),
    "a decoupled model": python(more="model_transaction_policy { decoupled: true }\n"),
    "empty labels": {**LABELLED, "subject/labels.txt": b"a\nb\nc\nd"},
    "labels in a folder": changed(LABELLED, '"labels.txt"', '"words/labels.txt"')
    | {"subject/words/labels.txt": b"a\nb\nc\nd\n"},
    "metric tags": python(more='metric_tags { key: "team" value: "vision" }\n'),
    "a response cache that is off": python(
        more="response_cache { enable: false } model_transaction_policy { decoupled: true }\n"
    ),
}
