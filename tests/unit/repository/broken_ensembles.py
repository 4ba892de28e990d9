"""Ensembles, and models that bring code."""

from __future__ import annotations

from tests.unit.repository.broken import case, decoupled, ensemble

CASES = [
    case(
        "an ensemble without steps",
        "TU230",
        "platform",
        lambda m: m.ensemble("both", [], 'platform: "ensemble"'),
        "no steps",
    ),
    case(
        "an ensemble with a backend",
        "TU230",
        "backend",
        ensemble('platform: "ensemble"', 'platform: "ensemble" backend: "python"'),
        "'python'",
    ),
    case(
        "an ensemble by backend",
        "TU230",
        "backend",
        ensemble('platform: "ensemble"', 'backend: "ensemble"'),
        'platform: "ensemble"',
    ),
    case(
        "an ensemble with instances",
        "TU230",
        "instance_group",
        ensemble("ensemble_scheduling", "instance_group { count: 1 } ensemble_scheduling"),
        "instance_group",
    ),
    case("a step without a model", "TU230", "step[0]", ensemble('model_name: "first"', ""), "model_name"),
    case(
        "a step of an unknown model",
        "TU231",
        "step[0].model_name",
        ensemble('"first"', '"frist"'),
        "Did you mean 'first'?",
    ),
    case(
        "a step of an unknown version",
        "TU231",
        "step[0].model_version",
        ensemble('"first" model_version: -1', '"first" model_version: 2'),
        "version 2",
        "serves 1",
    ),
    case(
        "a step without a version",
        "TU231",
        "step[0].model_version",
        ensemble('"first" model_version: -1', '"first"'),
        "version 0",
        "-1",
    ),
    case(
        "an ensemble of itself", "TU231", "ensemble_scheduling", lambda m: m.ensemble("both", ["both"]), "both -> both"
    ),
    case(
        "a step of an unknown input",
        "TU232",
        'step[0].input_map["INPT"]',
        ensemble('key: "INPUT" value: "INPUT"', 'key: "INPT" value: "INPUT"'),
        "Did you mean 'INPUT'?",
    ),
    case(
        "a step without an input",
        "TU232",
        "step[0].input_map",
        ensemble('input_map { key: "INPUT" value: "INPUT" }', 'input_map { key: "X" value: "INPUT" }'),
        "'INPUT'",
    ),
    case(
        "a step of an unknown output",
        "TU232",
        'step[1].output_map["OUT"]',
        ensemble('key: "OUTPUT" value: "OUTPUT"', 'key: "OUT" value: "OUTPUT"'),
        "'OUT'",
    ),
    case(
        "tensors of two types",
        "TU233",
        'step[0].input_map["INPUT"]',
        ensemble('input [ { name: "INPUT" data_type: TYPE_FP32', 'input [ { name: "INPUT" data_type: TYPE_INT64'),
        "TYPE_INT64",
        "TYPE_FP32",
    ),
    case(
        "tensors of two sizes",
        "TU233",
        'step[1].output_map["OUTPUT"]',
        ensemble('name: "OUTPUT" data_type: TYPE_FP32 dims: [4]', 'name: "OUTPUT" data_type: TYPE_FP32 dims: [5]'),
        "[-1, 5]",
        "[-1, 4]",
    ),
    case(
        "an input that nothing reads",
        "TU234",
        "input[0].name",
        ensemble("input [", 'input [ { name: "EXTRA" data_type: TYPE_FP32 dims: 4 },'),
        "'EXTRA'",
    ),
    case(
        "an output that nothing writes",
        "TU234",
        "output[0].name",
        ensemble('output [ { name: "OUTPUT"', 'output [ { name: "OUTPT"'),
        "Did you mean 'OUTPUT'?",
    ),
    case(
        "a tensor that nothing reads",
        "TU234",
        'step[1].output_map["OUTPUT"]',
        ensemble('output [ { name: "OUTPUT"', 'output [ { name: "OUTPT"'),
        "'OUTPUT'",
    ),
    case(
        "a tensor that nothing writes",
        "TU234",
        'step[1].input_map["INPUT"]',
        ensemble('key: "INPUT" value: "between_1"', 'key: "INPUT" value: "betwen_1"'),
        "Did you mean 'between_1'?",
    ),
    case(
        "a tensor that is written twice",
        "TU234",
        'step[1].output_map["OUTPUT"]',
        ensemble('key: "OUTPUT" value: "OUTPUT"', 'key: "OUTPUT" value: "between_1"'),
        "steps 0 and 1",
    ),
    case(
        "steps that wait for each other",
        "TU234",
        'step[0].input_map["INPUT"]',
        ensemble('key: "INPUT" value: "INPUT"', 'key: "INPUT" value: "OUTPUT"'),
        "itself",
    ),
    case(
        "a batch beyond a step's",
        "TU235",
        "max_batch_size",
        ensemble("max_batch_size: 8", "max_batch_size: 16"),
        "16",
        "8",
    ),
    case("outputs of two decoupled models", "TU236", "output", decoupled, "decoupled"),
    case(
        "code that is not allowed", "TU250", "backend", lambda m: m.python("coded"), "'coded'", "security.python_models"
    ),
]
