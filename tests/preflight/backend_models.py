"""Models of each backend, as small as their checks allow. None of them could be run: what is looked at is there."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence

from onnx import ModelProto, TensorProto, helper

from tests.preflight.core_models import PLAIN
from tests.preflight.seeds import SUBJECT, Cited, Files, Judge, Seed, changed
from tests.repositories import identity_graph

NVIDIA = "triton-inference-server/"
DEPLOY = Cited(f"{NVIDIA}server", "r26.06", "docs/customization_guide/deploy.md, Secure Deployment Considerations")
CPU = "instance_group { kind: KIND_CPU }\n"
GPU = "instance_group { kind: KIND_GPU }\n"
INPUT = 'name: "INPUT" data_type: TYPE_FP32 dims: [ 4 ]'
OUTPUT = 'name: "OUTPUT" data_type: TYPE_FP32 dims: [ 4 ]'
PLAN = b"ftrt" + bytes(60)
IR = b'<?xml version="1.0"?>\n<net name="subject" version="11"/>\n'


def parameters(**values: str) -> str:
    return "".join(
        f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}\n' for name, value in values.items()
    )


def model(backend: str, content: Mapping[str, bytes], more: str = "", config: str | None = None) -> dict[str, bytes]:
    """A model of `backend` with the files `content` in its version 1."""
    text = PLAIN.format(SUBJECT).replace('"python"', f'"{backend}"') if config is None else config
    files = {f"{SUBJECT}/1/{name}": data for name, data in content.items()}
    return {f"{SUBJECT}/config.pbtxt": (text + more).encode(), **files}


def archive(*names: str) -> bytes:
    """A zip archive that holds `names` below one folder, as PyTorch's do."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as writing:
        for name in names:
            writing.writestr(zipfile.ZipInfo(f"subject/{name}"), b"")
    return content.getvalue()


SCRIPT = archive("constants.pkl", "code/__torch__.py", "data.pkl", "version")


def onnx(more: str = "", graph: ModelProto | None = None) -> dict[str, bytes]:
    return model("onnxruntime", {"model.onnx": (graph or identity_graph()).SerializeToString()}, more)


def tensorrt(more: str = "") -> dict[str, bytes]:
    return model("tensorrt", {"model.plan": PLAN}, more)


def pytorch(more: str = "") -> dict[str, bytes]:
    return model("pytorch", {"model.pt": SCRIPT}, more)


def openvino(more: str = "") -> dict[str, bytes]:
    return model("openvino", {"model.xml": IR, "model.bin": bytes(16)}, more)


def fil(more: str = "", *, name: str = "xgboost.model") -> dict[str, bytes]:
    config = PLAIN.format(SUBJECT).replace('"python"', '"fil"').replace('"INPUT"', '"input__0"')
    config = config.replace('"OUTPUT"', '"output__0"')
    more = more or parameters(model_type="xgboost", is_classifier="true", threshold="0.5")
    return model("fil", {name: b"binf"}, more, config)


def dali(content: Mapping[str, bytes]) -> dict[str, bytes]:
    return model("dali", content)


def vllm(more: str = "", **arguments: object) -> dict[str, bytes]:
    content = json.dumps({"model": "facebook/opt-125m", "gpu_memory_utilization": 0.5, **arguments}).encode()
    return model("vllm", {"model.json": content}, more, f'name: "{SUBJECT}"\nbackend: "vllm"\n')


def tensorrtllm(more: str = "", *, kind: str = "inflight_fused_batching") -> dict[str, bytes]:
    config = PLAIN.format(SUBJECT).replace('"python"', '"tensorrtllm"')
    given = parameters(gpt_model_type=kind, gpt_model_path="/engines/subject")
    return model("tensorrtllm", {"config.json": b"{}"}, more + given, config)


def two_inputs(optional: bool = False) -> ModelProto:
    """A sum of two inputs; the second has a value of its own where it is `optional`."""
    shape: Sequence[int | str] = (1, 4) if optional else ("batch", 4)
    graph = helper.make_graph(
        [helper.make_node("Add", ["INPUT", "MORE"], ["OUTPUT"])],
        "sum",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("INPUT", "MORE")],
        [helper.make_tensor_value_info("OUTPUT", TensorProto.FLOAT, shape)],
        [helper.make_tensor("MORE", TensorProto.FLOAT, [1, 4], [0.0] * 4)] if optional else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def edited(name: str, judge: Judge, rule: str, at: str, healthy: Files, old: str, new: str, *words: str) -> Seed:
    """`healthy`, and the same with `new` for `old` in its config."""
    return Seed(
        name=name, judge=judge, rule=rule, at=at, words=words, healthy=healthy, faulty=changed(healthy, old, new)
    )


def put(name: str, judge: Cited, rule: str, at: str, healthy: Files, files: Files, *words: str) -> Seed:
    """`healthy`, and the same with `files` in it."""
    return Seed(name=name, judge=judge, rule=rule, at=at, words=words, healthy=healthy, faulty={**healthy, **files})


def typed(name: str, judge: Cited, files: dict[str, bytes], kind: str) -> Seed:
    """A type that the backend does not take."""
    return edited(name, judge, "TU252", "input[0].data_type", files, INPUT, INPUT.replace("TYPE_FP32", kind), kind)


def option(judge: Cited, make: Callable[[str], Files], name: str, right: str, wrong: str, *words: str) -> Seed:
    """A parameter's value that the backend does not take."""
    return edited(
        f"{judge.project.removeprefix(NVIDIA)}'s {name} of {wrong!r}", judge, "TU251", f'["{name}"]',
        make(parameters(**{name: right})), f'"{right}"', f'"{wrong}"', repr(wrong), *words,
    )  # fmt: skip
