"""Python's code and DALI's pipelines: their backends' sources decide."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.backend_models import DEPLOY, NVIDIA, dali, edited, parameters, put
from tests.preflight.core_models import CODE, python
from tests.preflight.seeds import Cited, Seed, without

PY = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/pb_stub.cc, Initialize and RunCommand")
PY_OPTIONS = Cited(f"{NVIDIA}python_backend", "f9088ff, 2026-07-17", "src/python_be.cc, ModelState")
DALI = Cited(f"{NVIDIA}dali_backend", "01783f8, 2026-06-30", "src/dali_model.h, LoadModel")

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

SEEDS = [*PYTHON, *PIPELINES]

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
    "a pipeline of Python": dali({"dali.py": b"import nvidia.dali\n"}),
}
