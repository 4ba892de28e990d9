"""Ensembles, as Triton's core decides them."""

from __future__ import annotations

from tests.preflight.core_models import chain, ensemble, python, seed
from tests.preflight.seeds import SUBJECT, Files, Seed, changed, without

TWO = {**python("helper"), **python("other"), **ensemble()}
IN = 'input [ { name: "INPUT" data_type: TYPE_FP32 dims: [ 4 ] } ]'
OUT = 'output [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [ 4 ] } ]'
FIRST = 'input_map { key: "INPUT" value: "INPUT" }'
BETWEEN = 'output_map { key: "OUTPUT" value: "between_1" }'
SECOND = 'input_map { key: "INPUT" value: "between_1" }'
LAST = 'output_map { key: "OUTPUT" value: "OUTPUT" }'
DECOUPLED = "model_transaction_policy { decoupled: true }\n"


def of(old: str, new: str, *, name: str = "helper") -> Files:
    """The chain with another `helper`."""
    return changed(TWO, old, new, path=f"{name}/config.pbtxt")


def parallel(first: str = "", second: str = "", *, joined: bool = False) -> Files:
    """Two models side by side, each with an output of the ensemble; or a third that joins them."""
    step = (
        '{{ model_name: "{0}" model_version: -1 input_map {{ key: "INPUT" value: "INPUT" }}'
        ' output_map {{ key: "OUTPUT" value: "{1}" }} }}'
    )
    steps = [step.format("helper", "A"), step.format("other", "B")]
    outputs = ["A", "B"]
    files = {**python("helper", more=first), **python("other", more=second)}
    if joined:
        steps.append(
            '{ model_name: "inner" model_version: -1 input_map { key: "INPUT" value: "A" }'
            ' input_map { key: "MORE" value: "B" } output_map { key: "OUTPUT" value: "OUTPUT" } }'
        )
        outputs = ["OUTPUT"]
        two_inputs = changed(
            python("inner"),
            " } ]\noutput",
            ' }, { name: "MORE" data_type: TYPE_FP32 dims: [ 4 ] } ]\noutput',
            path="inner/config.pbtxt",
        )
        files |= two_inputs
    listed = ", ".join(f'{{ name: "{name}" data_type: TYPE_FP32 dims: [ 4 ] }}' for name in outputs)
    config = (
        f'name: "{SUBJECT}"\nplatform: "ensemble"\nmax_batch_size: 8\n{IN}\noutput [ {listed} ]\n'
        f"ensemble_scheduling {{ step [ {', '.join(steps)} ] }}\n"
    )
    return {**files, "subject/config.pbtxt": config.encode(), "subject/1/.gitkeep": b""}


NESTED = {**python("helper"), **ensemble(["helper"], "inner"), **ensemble(["inner", "helper"])}

SEEDS: list[Seed] = [
    seed(
        "no scheduling",
        "TU230",
        "platform",
        TWO,
        {**TWO, "subject/config.pbtxt": f'name: "subject" platform: "ensemble" {IN} {OUT}'.encode()},
        "no steps",
    ),
    seed(
        "no step",
        "TU230",
        "ensemble_scheduling",
        TWO,
        {**TWO, "subject/config.pbtxt": f'platform: "ensemble" {IN} {OUT} ensemble_scheduling {{ }}'.encode()},
        "no steps",
    ),
    chain(
        "an ensemble by backend",
        "TU230",
        "backend",
        'platform: "ensemble"',
        'backend: "ensemble"',
        'platform: "ensemble"',
    ),
    chain(
        "an ensemble with a backend",
        "TU230",
        "backend",
        'platform: "ensemble"',
        'platform: "ensemble" backend: "python"',
        "'python'",
    ),
    chain("an ensemble that does not say so", "TU207", "ensemble_scheduling", 'platform: "ensemble"\n', "", "platform"),
    chain(
        "an ensemble of another platform", "TU230", "platform", '"ensemble"', '"onnxruntime_onnx"', "'onnxruntime_onnx'"
    ),
    chain(
        "an ensemble with instances",
        "TU230",
        "instance_group",
        "ensemble_scheduling",
        "instance_group { count: 1 } ensemble_scheduling",
        "instance_group",
    ),
    chain(
        "an ensemble with an optimisation",
        "TU230",
        "optimization",
        "ensemble_scheduling",
        "optimization { } ensemble_scheduling",
        "optimization",
    ),
    chain(
        "an ensemble with a warm-up",
        "TU230",
        "model_warmup",
        "ensemble_scheduling",
        'model_warmup { name: "w" batch_size: 1 } ensemble_scheduling',
        "model_warmup",
    ),
    chain(
        "an ensemble that batches",
        "TU203",
        "",
        "ensemble_scheduling",
        "dynamic_batching { } ensemble_scheduling",
        "'dynamic_batching'",
    ),
    chain("a step without a model", "TU230", "step[0]", 'model_name: "helper" ', "", "model_name"),
    chain("a step without inputs", "TU230", "step[0]", FIRST, "", "input_map"),
    chain("a step without outputs", "TU230", "step[1]", LAST, "", "output_map"),
    chain("a step of an unknown model", "TU231", "step[0].model_name", '"helper"', '"helpr"', "Did you mean 'helper'?"),
    chain(
        "a step of an unknown version",
        "TU231",
        "step[0].model_version",
        '"helper" model_version: -1',
        '"helper" model_version: 2',
        "version 2",
        "serves 1",
    ),
    chain(
        "a step without a version",
        "TU231",
        "step[0].model_version",
        '"helper" model_version: -1',
        '"helper"',
        "version 0",
    ),
    seed("a step of a model that is not served", "TU208", "version_policy", TWO, without(TWO, "helper/1"), "named 1"),
    seed("a step of a model that is refused", "TU220", "max_batch_size", TWO, of("size: 8", "size: -8"), "-8"),
    chain("an ensemble of itself", "TU231", "ensemble_scheduling", '"other"', '"subject"', "subject -> subject"),
    seed(
        "ensembles of each other",
        "TU231",
        "ensemble_scheduling",
        NESTED,
        changed(NESTED, 'model_name: "helper"', 'model_name: "subject"', path="inner/config.pbtxt"),
        "inner",
    ),
    chain(
        "a step of an unknown input",
        "TU232",
        '["INPT"]',
        FIRST,
        FIRST.replace('key: "INPUT"', 'key: "INPT"'),
        "Did you mean 'INPUT'?",
    ),
    chain(
        "a step of one input too many",
        "TU232",
        '["EXTRA"]',
        FIRST,
        FIRST + ' input_map { key: "EXTRA" value: "INPUT" }',
        "'EXTRA'",
    ),
    seed(
        "a step that lacks an input",
        "TU232",
        "step[0].input_map",
        TWO,
        of(" } ]\noutput", ' }, { name: "MORE" data_type: TYPE_FP32 dims: [ 4 ] } ]\noutput'),
        "'MORE'",
    ),
    chain(
        "a step of an unknown output",
        "TU232",
        '["OUTPT"]',
        LAST,
        LAST.replace('key: "OUTPUT"', 'key: "OUTPT"'),
        "Did you mean 'OUTPUT'?",
    ),
    chain("an input of another type", "TU233", '["INPUT"]', IN, IN.replace("FP32", "INT64"), "TYPE_INT64", "TYPE_FP32"),
    chain(
        "an output of another type", "TU233", '["OUTPUT"]', OUT, OUT.replace("FP32", "FP16"), "TYPE_FP16", "TYPE_FP32"
    ),
    chain("an input of another size", "TU233", '["INPUT"]', IN, IN.replace("4", "5"), "5", "4"),
    chain("an output of another rank", "TU233", '["OUTPUT"]', OUT, OUT.replace("[ 4 ]", "[ 4, 1 ]"), "[-1, 4, 1]"),
    seed(
        "steps of two types",
        "TU233",
        'step[1].input_map["INPUT"]',
        TWO,
        of(
            'input [ { name: "INPUT" data_type: TYPE_FP32', 'input [ { name: "INPUT" data_type: TYPE_FP64', name="other"
        ),
        "TYPE_FP64",
        "TYPE_FP32",
    ),
    seed(
        "steps of two sizes",
        "TU233",
        'step[1].input_map["INPUT"]',
        TWO,
        of("dims: [ 4 ] } ]\noutput", "dims: [ 6 ] } ]\noutput", name="other"),
        "6",
        "4",
    ),
    seed(
        "a step whose code states no input",
        "TU232",
        '["INPUT"]',
        TWO,
        of(f"{IN}\n", ""),
        "'helper' has not",
    ),
    seed(
        "a step whose code states no output",
        "TU232",
        '["OUTPUT"]',
        TWO,
        of(f"{OUT}\n", ""),
        "'helper' has not",
    ),
    seed(
        "a step that takes no batch",
        "TU233",
        '["INPUT"]',
        TWO,
        changed(of("size: 8", "size: 0"), "[ 4 ] } ]\noutput", "[ 2, 2, 4 ] } ]\noutput", path="helper/config.pbtxt"),
        "[2, 2, 4]",
        "[-1, 4]",
    ),
    chain(
        "an input that nothing reads",
        "TU234",
        "input[0].name",
        IN,
        IN.replace("input [", 'input [ { name: "EXTRA" data_type: TYPE_FP32 dims: 4 },'),
        "'EXTRA'",
    ),
    chain(
        "an output that nothing writes",
        "TU234",
        "output[0].name",
        OUT,
        OUT.replace('"OUTPUT"', '"OUTPT"'),
        "Did you mean 'OUTPUT'?",
    ),
    chain(
        "a tensor that nothing reads",
        "TU234",
        '["EXTRA"]',
        LAST,
        LAST + ' output_map { key: "EXTRA" value: "UNUSED" }',
        "'UNUSED'",
    ),
    chain(
        "a tensor that nothing writes",
        "TU234",
        '["INPUT"]',
        SECOND,
        SECOND.replace("between_1", "betwen_1"),
        "Did you mean 'between_1'?",
    ),
    chain(
        "a tensor that is written twice",
        "TU234",
        '["OUTPUT"]',
        LAST,
        LAST.replace('value: "OUTPUT"', 'value: "between_1"'),
        "steps 0 and 1",
    ),
    chain(
        "steps that wait for each other",
        "TU234",
        '["INPUT"]',
        FIRST,
        FIRST.replace('value: "INPUT"', 'value: "OUTPUT"'),
        "itself",
    ),
    chain("an ensemble without inputs", "TU234", '["INPUT"]', IN, "", "'INPUT'"),
    chain("an ensemble without outputs", "TU234", '["OUTPUT"]', OUT, "", "'OUTPUT'"),
    chain("a batch beyond a step's", "TU235", "max_batch_size", "max_batch_size: 8", "max_batch_size: 9", "9", "8"),
    chain(
        "a malformed input of an ensemble", "TU217", "input[0].dims", IN, IN.replace("[ 4 ]", "[ 0 ]"), "dimension 0"
    ),
    chain(
        "a label file of an ensemble",
        "TU226",
        "label_filename",
        OUT,
        OUT.replace('"OUTPUT"', '"OUTPUT" label_filename: "l.txt"'),
        "'l.txt'",
    ),
    seed("outputs of two decoupled models", "TU236", "output", parallel(), parallel(DECOUPLED, DECOUPLED), "decoupled"),
    seed(
        "an output of a decoupled model beside another", "TU236", "output", parallel(), parallel(DECOUPLED), "decoupled"
    ),
    seed(
        "answers of decoupled models joined",
        "TU236",
        "step[2]",
        parallel(joined=True),
        parallel(DECOUPLED, DECOUPLED, joined=True),
        "'inner'",
    ),
    seed(
        "a cache of an ensemble of a decoupled model",
        "TU228",
        "response_cache",
        {**TWO, **ensemble(more="response_cache { enable: true }\n")},
        {**TWO, **python("other", more=DECOUPLED), **ensemble(more="response_cache { enable: true }\n")},
        "decoupled",
    ),
]

HEALTHY = {
    "ensembles in each other": NESTED,
    "side by side": parallel(),
    "joined": parallel(joined=True),
    "one decoupled model in a chain": {**TWO, **python("other", more=DECOUPLED)},
    "a smaller batch": {**TWO, **ensemble(batch=2)},
    "any size": {**TWO, **ensemble(dims="-1")},
    "an output of an ensemble that is written down twice": changed(
        TWO, OUT, OUT.replace("output [", 'output [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [ 4 ] },')
    ),
    "an input that is handed through": changed(
        TWO, OUT, OUT.replace("output [", 'output [ { name: "INPUT" data_type: TYPE_FP32 dims: 4 },')
    ),
    "an optional input that is left out": of(
        " } ]\noutput", ' }, { name: "MORE" data_type: TYPE_FP32 dims: [ 4 ] optional: true } ]\noutput'
    ),
    "a version by number": changed(TWO, '"helper" model_version: -1', '"helper" model_version: 1'),
    "a step twice": {**python("helper"), **ensemble(["helper", "helper", "helper"])},
    "a step without a batch": changed(
        of("size: 8", "size: 0"), "[ 4 ] } ]\noutput", "[ -1, 4 ] } ]\noutput", path="helper/config.pbtxt"
    ),
    "an ensemble with parameters": {**TWO, **ensemble(more='parameters { key: "k" value { string_value: "v" } }\n')},
    "an ensemble's cache": {**TWO, **ensemble(more="response_cache { enable: true }\n")},
}
