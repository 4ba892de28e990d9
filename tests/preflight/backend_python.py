"""Python's code and DALI's pipelines: their backends' sources decide."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.backend_models import DEPLOY, NVIDIA, dali, edited, parameters, put
from tests.preflight.core_models import CODE, python
from tests.preflight.seeds import Cited, Files, Seed, without

PY = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/pb_stub.cc, Initialize and RunCommand")
PY_OPTIONS = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/python_be.cc, ModelState")
DALI = Cited(f"{NVIDIA}dali_backend", "01783f8, 2026-06-30", "src/dali_model.h, LoadModel")

COMPLETES = Cited(
    f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/resources/triton_python_backend_utils.py, ModelConfig"
)
RETURNS = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/pb_stub.cc, AutoCompleteModelConfig")
MORE = '{"name": "MORE", "data_type": "TYPE_INT64", "dims": [-1]}'
SAME = '{"name": "INPUT", "data_type": "TYPE_FP32", "dims": [4]}'
ONCE = "model_transaction_policy { decoupled: false }\n"
STARTS = "sequence_batching { }\n"


def completing(*lines: str, more: str = "", last: str = "return config") -> dict[str, bytes]:
    """A Python model that completes its config by `lines`."""
    body = "".join(f"        {line}\n" for line in (*lines, last))
    method = f"\n    @staticmethod\n    def auto_complete_config(config):\n{body}"
    return {**python(more=more), "subject/1/model.py": CODE + method.encode()}


def contradicts(name: str, at: str, healthy: Files, old: str, new: str, *words: str, judge: Cited = COMPLETES) -> Seed:
    """The same with `new` for `old` in the model's code."""
    code = healthy["subject/1/model.py"]
    assert code.count(old.encode()) == 1
    faulty = {**healthy, "subject/1/model.py": code.replace(old.encode(), new.encode())}
    return Seed(name=name, judge=judge, rule="TU252", at=at, words=words, healthy=healthy, faulty=faulty)


ADDS = completing(
    "config.set_max_batch_size(8)", f"known = {SAME}", "config.add_input(known)", f"config.add_output({MORE})"
)
POLICY = completing("config.set_model_transaction_policy(dict(decoupled=False))", more=ONCE)

COMPLETION: list[Seed] = [
    contradicts("code that takes smaller batches", "max_batch_size", ADDS, "size(8)", "size(4)", "8", "4"),
    contradicts("code with another type", "input[0].data_type", ADDS, "TYPE_FP32", "TYPE_FP16", "TYPE_FP16"),
    contradicts("code with other dims", "input[0].dims", ADDS, '"dims": [4]', '"dims": [5]', "[4]", "[5]"),
    contradicts("code with dims that are no list", "input[0].dims", ADDS, '"dims": [4]', '"dims": (4,)', "(4,)"),
    contradicts("code that adds a nameless output", "1/model.py", ADDS, '"name": "MORE", ', "", "'name'"),
    contradicts("code that adds an output without dims", "1/model.py", ADDS, ', "dims": [-1]', "", "'dims'"),
    contradicts(
        "code that adds an optional output", "1/model.py", ADDS, "[-1]}", '[-1], "optional": True}', "'optional'"
    ),
    contradicts("code that answers many times", ".decoupled", POLICY, "=False", "=True", "false", "true"),
    contradicts("code with a policy of its own", "1/model.py", POLICY, "decoupled=", "streaming=", "'streaming'"),
    contradicts(
        "code that batches sequences as it likes",
        "sequence_batching",
        completing("config.set_max_batch_size(8)", more=STARTS),
        "set_max_batch_size(8)",
        "set_dynamic_batching()",
        "sequence batching",
    ),
    contradicts("code that returns no config", "1/model.py", ADDS, "return config", "return", "nothing", judge=RETURNS),
]

PYTHON: list[Seed] = [
    put(
        "a class of another name",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": b"class Model:\n    pass\n"},
        "'TritonPythonModel'",
    ),
    put(
        "a class that does nothing",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": b"class TritonPythonModel:\n    def initialize(self, args):\n        pass\n"},
        "'execute'",
    ),
    put(
        "code that is no Python",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": CODE + b"\nbatch = [1, 2\n"},
        "never closed",
    ),
    put(
        "code that is no Python, with text in it",
        PY,
        "TU253",
        "1/model.py",
        python(),
        {"subject/1/model.py": CODE + b"\nTEXT = f'{CODE} {{}}'  # it's {\nbatch = [1, 2\n"},
        "never closed",
    ),
    Seed(
        name="no code",
        judge=PY,
        rule="TU210",
        at="1/model.py",
        words=("missing",),
        healthy=python(),
        faulty={**without(python(), "subject/1/model.py"), "subject/1/notes": b"x"},
    ),
    edited(
        "where tensors lie",
        PY_OPTIONS,
        "TU251",
        '["FORCE_CPU_ONLY_INPUT_TENSORS"]',
        python(more=parameters(FORCE_CPU_ONLY_INPUT_TENSORS="no")),
        '"no"',
        '"false"',
        "'false'",
        "yes, no",
    ),
    replace(
        put("code that nobody allowed", DEPLOY, "TU250", "backend", {}, python(), "'subject'", "model.py"), code=()
    ),
]

PIPELINES: list[Seed] = [
    Seed(
        name="no pipeline",
        judge=DALI,
        rule="TU253",
        at="1/model.dali",
        words=("dali.py",),
        healthy=dali({"model.dali": b"serialised"}),
        faulty=dali({"pipeline.dali": b"serialised"}),
    ),
    Seed(
        name="a pipeline of Python that nobody allowed",
        judge=DEPLOY,
        rule="TU250",
        at="backend",
        words=("dali.py",),
        healthy=dali({"model.dali": b"serialised"}),
        faulty=dali({"dali.py": b"import nvidia.dali\n"}),
        code=(),
    ),
]

SEEDS = [*PYTHON, *COMPLETION, *PIPELINES]

HEALTHY = {
    "code that is imported": {**python(), "subject/1/model.py": b"from mine import TritonPythonModel\n"},
    "code that inherits": {
        **python(),
        "subject/1/model.py": b"from mine import Base\n\n\nclass TritonPythonModel(Base):\n    pass\n",
    },
    "a model of Python that states nothing": {
        **python(config='backend: "python"\n'),
        "subject/1/model.py": CODE
        + b"\n    @staticmethod\n    def auto_complete_config(config):\n        return config\n",
    },
    "code of Python 3.12 with quotes within quotes": {
        **python(),
        "subject/1/model.py": CODE + b"\n\nNAMES = {'(': 1}\nTEXT = f'{NAMES['(']}'\n",
    },
    "code of Python 3.12 with lines within quotes": {
        **python(),
        "subject/1/model.py": CODE + b'\n\nTEXT = f"({str(\n    1\n)})"\n',
    },
    "code that asks before it adds": completing(
        "names = [one['name'] for one in config.as_dict()['input']]",
        "if 'INPUT' not in names:",
        "    config.add_input({})",
        "config.set_max_batch_size(8)",
    ),
    "code that mends what it adds": completing("one = {}", f"one.update({MORE})", "config.add_input(one)"),
    "code that mends it by another name": completing(
        "one = {}", "same = one", f"same.update({MORE})", "config.add_input(one)"
    ),
    "code that goes early": completing("if config:", "    return config", "config.set_max_batch_size(1)"),
    "code that works a tensor out": completing(
        "config.add_output(dict(name='MORE', data_type='TYPE_INT64', dims=list(range(1, 3))))"
    ),
    "code that completes in two ways": completing("config.set_dynamic_batching()", "config.set_dynamic_batching()"),
    "a pipeline of Python": dali({"dali.py": b"import nvidia.dali\n"}),
}
