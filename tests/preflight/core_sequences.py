"""Sequence batching, controls and states, as Triton's core decides them."""

from __future__ import annotations

from tests.preflight.core_models import plain, python, seed
from tests.preflight.seeds import Seed

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


def sequence(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU222", at, old, new, *words, more=SEQUENCE)


def state(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU222", at, old, new, *words, more=STATE)


SEEDS: list[Seed] = [
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

HEALTHY = {
    "sequences of nothing": python(more="sequence_batching { }\n"),
    "iterative sequences": python(more="sequence_batching { iterative_sequence: true }\n"),
    "a state without a first": python(more=STATE.split("            initial")[0] + "} ]\n}\n"),
    "a state of any size": python(more=STATE.replace("dims: [ 2 ]\n", "dims: [ -1 ]\n")),
}
