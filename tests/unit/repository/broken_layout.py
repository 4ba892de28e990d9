"""Directories, versions and files."""

from __future__ import annotations

from tests.repositories import identity_config, identity_graph
from tests.unit.repository.broken import case, engine, ensemble, external, more, onnx, renamed, without

CASES = [
    case("no config", "TU202", "digits", without("config.pbtxt"), "digits", "config.pbtxt"),
    case("an unknown field", "TU203", "max_batch_sizes", more("max_batch_sizes: 3"), "Did you mean 'max_batch_size'?"),
    case("another name", "TU206", "name", onnx('name: "digits"', 'name: "letters"'), "'letters'", 'name: "digits"'),
    case("a misspelt backend", "TU207", "backend", onnx('"onnxruntime"', '"onnxruntim"'), "'onnxruntime'?"),
    case("no backend", "TU207", "backend", lambda m: m.files("digits", {"config.pbtxt": "", "1/x": ""}), "backend"),
    case("an unknown platform", "TU207", "platform", onnx("backend:", "platform:"), "'onnxruntime_onnx'"),
    case(
        "a platform of another backend",
        "TU207",
        "platform",
        more('platform: "tensorrt_plan"'),
        "'tensorrt_plan'",
        "onnxruntime_onnx",
    ),
    case("an ensemble that does not say so", "TU207", "ensemble_scheduling", ensemble('platform: "ensemble"', "")),
    case("no version", "TU208", "version_policy", without("1/model.onnx"), "model.onnx", "named 1"),
    case("the latest none", "TU208", "version_policy", more("version_policy { latest { } }"), "num_versions: 1"),
    case(
        "a version that is not there",
        "TU208",
        "version_policy",
        more("version_policy { specific { versions: 3 } }"),
        "names version 3",
        "has 1",
    ),
    case("a version that is read as a number", "TU208", "digits/2-old", renamed("2-old"), "as version 2", "'2'"),
    case(
        "an empty version of an ensemble",
        "TU208",
        "both/1",
        lambda m: (
            ensemble("", "")(m),
            (m.root / "both" / "1" / ".gitkeep").unlink(),
        ),
        ".gitkeep",
    ),
    case("a leading zero", "TU209", "digits/02", renamed("02", all_versions=False), "'02'", "'2'"),
    case(
        "one version of two",
        "TU209",
        "version_policy.specific",
        more("version_policy { specific { versions: [ 1, 3 ] } }"),
        "version 3",
    ),
    case(
        "no model file",
        "TU210",
        "digits/1/model.onnx",
        lambda m: m.files("digits", {"config.pbtxt": identity_config("digits"), "1/notes.txt": ""}),
        "1/model.onnx",
        "Put the file there",
    ),
    case(
        "a model file of another name",
        "TU210",
        "digits/1/model.onnx",
        lambda m: m.files(
            "digits",
            {"config.pbtxt": identity_config("digits"), "1/digits.onnx": identity_graph().SerializeToString()},
        ),
        'default_model_filename: "digits.onnx"',
    ),
    case(
        "a model file outside",
        "TU210",
        "default_model_filename",
        more('default_model_filename: "../../model.onnx"'),
        "outside",
    ),
    case(
        "an engine that is neither there nor declared",
        "TU210",
        "fast/1/model.plan",
        lambda m: m.files(
            "fast", {"config.pbtxt": identity_config("fast").replace("onnxruntime", "tensorrt"), "1/x": ""}
        ),
        "tritonup.engine.source",
    ),
    case("an engine of nothing", "TU211", 'source"]', engine("digits/1", "digit/1"), "Did you mean 'digits'?"),
    case("an engine of no file", "TU211", 'source"]', engine("1/model.onnx", "1/modell.onnx"), "missing"),
    case("an engine of what lies outside", "TU211", 'source"]', engine("digits/1", "../digits/1"), "not a file of"),
    case("an engine of unknown precision", "TU211", 'precision"]', engine("fp16", "fp17"), "Did you mean 'fp16'?"),
    case("an engine for ONNX Runtime", "TU211", 'source"]', engine("tensorrt", "onnxruntime"), "'onnxruntime'"),
    case("no ONNX file", "TU212", "1/model.onnx", lambda m: m.onnx("digits").files("digits", {"1/model.onnx": "x"})),
    case("external data outside", "TU213", "1/model.onnx", external("../../other/weights.bin"), "outside"),
    case("external data of an absolute path", "TU213", "1/model.onnx", external("/etc/passwd"), "outside"),
    case("no external data", "TU213", "1/model.onnx", external("weight.bin"), "'weight.bin'", "missing"),
    case("too little external data", "TU213", "1/model.onnx", external("weights.bin", 17), "17", "16"),
]
