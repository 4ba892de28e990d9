"""Batching, sequences, instances, warm-up, labels and options."""

from __future__ import annotations

from tests.repositories import identity_config, identity_graph, python_config
from tests.unit.repository.broken import OUTPUT_LABELS, SEQUENCE, case, engine, more, onnx, warmup

KEPT = "response_cache { enable: true }"
SAME = '{ name: "SAME" data_type: TYPE_FP32 dims: 4 }'

CASES = [
    case("a negative batch", "TU220", "max_batch_size", onnx("max_batch_size: 8", "max_batch_size: -8"), "-8"),
    case(
        "a preferred size beyond the batch",
        "TU220",
        "preferred_batch_size",
        more("dynamic_batching { preferred_batch_size: [ 4, 16 ] }"),
        "16",
        "8",
    ),
    case(
        "a default priority that is none",
        "TU221",
        "default_priority_level",
        more("dynamic_batching { priority_levels: 2 }"),
        "from 1",
    ),
    case(
        "a policy for no priority",
        "TU221",
        "priority_queue_policy",
        more(
            "dynamic_batching { priority_levels: 2 default_priority_level: 1"
            " priority_queue_policy { key: 3 value { } } }"
        ),
        "priority 3",
    ),
    case(
        "order with priorities",
        "TU221",
        "preserve_ordering",
        more("dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }"),
        "2 priority levels",
    ),
    case(
        "order with delays",
        "TU221",
        "preserve_ordering",
        more(
            "dynamic_batching { preserve_ordering: true"
            " default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 9 } }"
        ),
        "REJECT",
    ),
    case(
        "a control without values",
        "TU222",
        "control_input[0]",
        more(SEQUENCE.format('"INPUT"', "CONTROL_SEQUENCE_START")),
        "no values",
    ),
    case(
        "a control that the graph has not",
        "TU222",
        "control_input[0]",
        more(SEQUENCE.format('"READY"', "CONTROL_SEQUENCE_READY bool_false_true: [ false, true ]")),
        "'READY'",
    ),
    case(
        "a correlation of no type",
        "TU222",
        "control_input[0]",
        more(SEQUENCE.format('"INPUT"', "CONTROL_SEQUENCE_CORRID")),
        "TYPE_UINT64",
    ),
    case(
        "a sequence batch beyond the batch",
        "TU222",
        "preferred_batch_size",
        more("sequence_batching { oldest { preferred_batch_size: 9 } }"),
        "9",
    ),
    case("a CPU with a GPU", "TU223", "gpus", more("instance_group { kind: KIND_CPU gpus: 0 }"), "KIND_CPU"),
    case("fewer than no instances", "TU223", "count", more("instance_group { count: -1 }"), "-1"),
    case("a negative GPU", "TU223", "gpus", more("instance_group { kind: KIND_GPU gpus: -1 }"), "-1"),
    case("a profile of ONNX Runtime", "TU223", "profile", more('instance_group { profile: "0" }'), "TensorRT"),
    case(
        "an engine on a CPU",
        "TU223",
        "kind",
        engine("max_batch_size", "instance_group { kind: KIND_CPU }\nmax_batch_size"),
        "CPU",
    ),
    case(
        "a warm-up of an unknown input",
        "TU224",
        '["INPT"]',
        warmup(1, "INPT", "TYPE_FP32", "4", "zero_data: true"),
        "Did you mean 'INPUT'?",
    ),
    case(
        "a warm-up of another type",
        "TU224",
        "data_type",
        warmup(1, "INPUT", "TYPE_INT32", "4", "zero_data: true"),
        "TYPE_FP32",
    ),
    case(
        "a warm-up of another size",
        "TU224",
        "dims",
        warmup(1, "INPUT", "TYPE_FP32", "5", "zero_data: true"),
        "[5]",
        "[4]",
    ),
    case("a warm-up of any size", "TU224", "dims", warmup(1, "INPUT", "TYPE_FP32", "-1", "zero_data: true"), "[-1]"),
    case("a warm-up without data", "TU224", '["INPUT"]', warmup(1, "INPUT", "TYPE_FP32", "4", ""), "zero_data"),
    case(
        "a warm-up from a file that is not there",
        "TU224",
        "input_data_file",
        warmup(1, "INPUT", "TYPE_FP32", "4", 'input_data_file: "x"'),
        "warmup/x",
    ),
    case(
        "a warm-up beyond the batch",
        "TU224",
        "batch_size",
        warmup(9, "INPUT", "TYPE_FP32", "4", "zero_data: true"),
        "8",
    ),
    case("a warm-up without an input", "TU224", "inputs", more('model_warmup { name: "w" batch_size: 1 }'), "'INPUT'"),
    case(
        "a warm-up of no request",
        "TU225",
        "model_warmup[0]",
        warmup(0, "INPUT", "TYPE_FP32", "4", "zero_data: true"),
        "skips",
    ),
    case("no label file", "TU226", "label_filename", onnx('"OUTPUT"', OUTPUT_LABELS), "labels.txt"),
    case(
        "a label file outside",
        "TU226",
        "label_filename",
        onnx('"OUTPUT"', '"OUTPUT" label_filename: "../labels.txt"'),
        "outside",
    ),
    case(
        "too few labels",
        "TU227",
        "label_filename",
        lambda m: (onnx('"OUTPUT"', OUTPUT_LABELS)(m), m.files("digits", {"labels.txt": "a\nb\n"})),
        "2 labels",
        "4 classes",
    ),
    case(
        "a cache of a decoupled model",
        "TU228",
        "response_cache",
        more("response_cache { enable: true } model_transaction_policy { decoupled: true }"),
        "decoupled",
    ),
    case(
        "a cache of sequences",
        "TU228",
        "response_cache",
        more("response_cache { enable: true } sequence_batching { }"),
        "sequence",
    ),
    case(
        "a metric without buckets",
        "TU228",
        "metric_control[0]",
        more('model_metrics { metric_control { metric_identifier { family: "f" } } }'),
        "buckets",
    ),
    case(
        "an unknown accelerator",
        "TU228",
        "name",
        more('optimization { execution_accelerators { gpu_execution_accelerator { name: "tensort" } } }'),
        "Did you mean 'tensorrt'?",
    ),
    case(
        "a batch input of nothing",
        "TU228",
        "batch_input[0]",
        more(
            'batch_input { kind: BATCH_ELEMENT_COUNT target_name: "INPUT" data_type: TYPE_FP32 source_input: "INPT" }'
        ),
        "Did you mean 'INPUT'?",
    ),
    case(
        "a batch output for nothing",
        "TU228",
        "batch_output[0]",
        more('batch_output { target_name: "OUT" source_input: "INPUT" }'),
        "'OUT'",
    ),
    case(
        "batching without a batch",
        "TU229",
        "dynamic_batching",
        lambda m: m.onnx(
            "digits", identity_config("digits", max_batch_size=0, more="dynamic_batching { }"), identity_graph((4,))
        ),
        "max_batch_size 0",
    ),
    case(
        "answers kept for who asks for another output",
        "TU960",
        "response_cache",
        lambda m: m.python("first", python_config("first").replace("output [", f"{KEPT} output [ {SAME},")),
        "'SAME', 'OUTPUT'",
    ),
    case(
        "answers kept for another shape of the same bytes",
        "TU960",
        "response_cache",
        lambda m: m.onnx("digits", identity_config("digits", (-1,), more=KEPT), identity_graph(("batch", "n"))),
        "'INPUT'",
        "[batch, any]",
    ),
]
