"""Forests: the source of their backend decides."""

from __future__ import annotations

from tests.preflight.backend_models import NVIDIA, edited, fil, parameters
from tests.preflight.seeds import Cited, Seed, moved

FIL = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "src/shared_state.h, RapidsSharedState::load")
FIL_DOCS = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "docs/model_config.md, Inputs and Outputs")
FIL_FILE = Cited(f"{NVIDIA}fil_backend", "d71f8ef, 2026-06-12", "src/model.h, model_file")

SEEDS: list[Seed] = [
    edited("a forest of unknown kind", FIL, "TU251", '["model_type"]', fil(), '"xgboost"', '"xgbost"', "'xgboost'?"),
    edited(
        "a forest that may classify",
        FIL,
        "TU252",
        "parameters",
        fil(),
        '"is_classifier"',
        '"classifier"',
        "is_classifier",
    ),
    edited(
        "a classifier without a threshold", FIL, "TU252", "parameters", fil(), '"threshold"', '"limit"', "threshold"
    ),
    edited("a threshold that is no number", FIL, "TU251", '["threshold"]', fil(), '"0.5"', '"half"', "'half'"),
    edited(
        "a forest's input of another name",
        FIL_DOCS,
        "TU252",
        "input[0].name",
        fil(),
        '"input__0"',
        '"INPUT"',
        "'input__0'",
    ),
    edited(
        "a forest's output of another name",
        FIL_DOCS,
        "TU252",
        "output[0].name",
        fil(),
        '"output__0"',
        '"OUTPUT"',
        "'output__0'",
    ),
    edited(
        "a forest of doubles",
        FIL_DOCS,
        "TU252",
        "input[0].data_type",
        fil(),
        '"input__0" data_type: TYPE_FP32',
        '"input__0" data_type: TYPE_FP64',
        "TYPE_FP64",
    ),
    Seed(
        name="a forest's file of another kind",
        judge=FIL_FILE,
        rule="TU253",
        at="1/xgboost.model",
        words=("xgboost_json",),
        healthy=fil(),
        faulty=moved(fil(), "subject/1/xgboost.model", "subject/1/xgboost.json"),
    ),
]

HEALTHY = {
    "a forest": fil(),
    "a forest of JSON": fil(parameters(model_type="xgboost_json", is_classifier="false"), name="xgboost.json"),
    "an old forest's parameter": fil(parameters(model_type="lightgbm", output_class="false"), name="model.txt"),
}
