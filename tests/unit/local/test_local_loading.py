"""What Triton's log says of its models. The lines are from releases 24.10, as they were written."""

from __future__ import annotations

from local.loading import Loading, State

QUOTED = [
    'I1121 11:47:14.639458 3829 model_lifecycle.cc:472] "loading: digits:1"',
    'I1121 11:47:14.639458 3829 model_lifecycle.cc:472] "loading: words:1"',
    "I1121 11:47:18.963397 3829 model_lifecycle.cc:839] \"successfully loaded 'digits'\"",
]
FAILED = (
    "E1121 11:47:50.711168 5509 model_lifecycle.cc:642] \"failed to load 'words' version 1: Internal: "
    'TritonModelException: no such model file: 1/model.onnx\\n\\nAt:\\n  /tmp/backends/model.py(204): refuse\\n"'
)


def fed(*lines: str) -> Loading:
    loading = Loading()
    for line in lines:
        loading.feed(line)
    return loading


def test_each_models_state_is_known() -> None:
    assert fed(*QUOTED).states == {"digits": State.READY, "words": State.LOADING}


def test_the_iso_log_format_reads_the_same() -> None:
    line = '2026-11-21T11:47:14Z I 3829 model_lifecycle.cc:472] "loading: digits:1"'
    assert fed(line).states == {"digits": State.LOADING}


def test_a_models_error_is_told_without_the_traceback() -> None:
    loading = fed(*QUOTED, FAILED, "error: creating server: Internal - failed to load all models")
    assert loading.states["words"] is State.FAILED
    assert loading.why() == "words: Internal: TritonModelException: no such model file: 1/model.onnx"


def test_a_config_that_cannot_be_read_is_told_with_its_place() -> None:
    loading = fed(
        "[libprotobuf ERROR /tmp/build/text_format.cc:337] Error parsing text-format inference.ModelConfig: 1:26: "
        'Message type "inference.ModelConfig" has no field named "platfrm".',
        "E1121 11:47:49.111252 5509 model_repository_manager.cc:1460] \"Poll failed for model directory 'words': "
        'failed to read text proto from /models/words/config.pbtxt"',
    )
    assert loading.why() == (
        "words: failed to read text proto from /models/words/config.pbtxt: 1:26: "
        'Message type "inference.ModelConfig" has no field named "platfrm".'
    )


def test_what_a_machine_without_a_gpu_always_writes_is_no_complaint() -> None:
    loading = fed(
        'E1121 11:47:49.109936 5509 server.cc:241] "CudaDriverHelper has not been initialized."',
        'E1121 12:12:18.181752 27458 ensemble_scheduler.cc:1468] "unable to create stream for sentences: '
        'CUDA driver version is insufficient for CUDA runtime version"',
        "error: failed to start HTTP service: Unavailable - Socket '127.0.0.1:8000' already in use",
    )
    assert loading.why() == "failed to start HTTP service: Unavailable - Socket '127.0.0.1:8000' already in use"


def test_without_any_complaint_the_last_lines_are_told() -> None:
    assert fed(*[f"line {n}" for n in range(9)]).why() == "\n".join(f"line {n}" for n in range(4, 9))
