"""Repositories with one thing wrong each, and the finding that they must give.

A case names the rule, the field or file that the finding is placed at, and words that the finding must have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnx import TensorProto, helper

from tests.repositories import (
    RepositoryBuilder,
    engine_config,
    ensemble_config,
    identity_config,
    identity_graph,
    python_config,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    name: str
    rule: str
    at: str
    """The end of where the finding is: its field, or its file where it has no field."""
    words: tuple[str, ...]
    build: Callable[[RepositoryBuilder], object]


def onnx(old: str, new: str, more: str = "") -> Callable[[RepositoryBuilder], object]:
    """One ONNX model whose config has `new` for `old`."""
    config = identity_config("digits", more=more)
    assert old in config
    return lambda models: models.onnx("digits", config.replace(old, new))


def more(text: str) -> Callable[[RepositoryBuilder], object]:
    return onnx("", "", text)


def ensemble(old: str, new: str) -> Callable[[RepositoryBuilder], object]:
    """Two ONNX models and an ensemble of them whose config has `new` for `old`."""
    config = ensemble_config("both", ["first", "second"])
    assert old in config
    return lambda models: models.onnx("first").onnx("second").ensemble("both", [], config.replace(old, new))


def engine(old: str, new: str) -> Callable[[RepositoryBuilder], object]:
    config = engine_config("fast", "digits/1/model.onnx")
    assert old in config
    return lambda models: models.onnx("digits").engine("fast", "", config.replace(old, new))


def weighing(data_type: str, precision: str) -> Callable[[RepositoryBuilder], object]:
    """An engine in `precision` of an ONNX file with weights of `data_type`."""
    graph = identity_graph()
    graph.graph.initializer.add(name="weights", data_type=TensorProto.DataType.Value(data_type), dims=[4])
    config = engine_config("fast", "digits/1/model.onnx", precision)
    return lambda models: models.onnx("digits", graph=graph).engine("fast", "", config)


def shaped(**shapes: str) -> Callable[[RepositoryBuilder], object]:
    """An engine with one input of any length, between `shapes`."""
    parameters = "".join(
        f'parameters {{ key: "tritonup.engine.{which}_shapes" value {{ string_value: "{text}" }} }}\n'
        for which, text in shapes.items()
    )
    config = engine_config("fast", "digits/1/model.onnx").replace("dims: [4]", "dims: [-1]") + parameters
    digits = identity_config("digits", dims=(-1,))
    return lambda models: models.onnx("digits", digits, identity_graph(("batch", "length"))).engine("fast", "", config)


def warmup(batch_size: int, name: str, data_type: str, dims: str, data: str) -> Callable[[RepositoryBuilder], object]:
    value = f"value {{ data_type: {data_type} dims: {dims} {data} }}"
    return more(f'model_warmup {{ name: "w" batch_size: {batch_size} inputs {{ key: "{name}" {value} }} }}')


def external(location: str, length: int = 16) -> Callable[[RepositoryBuilder], object]:
    graph = identity_graph()
    tensor = graph.graph.initializer.add(name="weights", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("length", str(length))):
        tensor.external_data.add(key=key, value=text)
    return lambda models: models.onnx("digits", graph=graph).files("digits", {"1/weights.bin": b"\0" * 16})


def without(path: str) -> Callable[[RepositoryBuilder], object]:
    def build(models: RepositoryBuilder) -> None:
        models.onnx("digits")
        (models.root / "digits" / path).unlink()
        if path.startswith("1/"):
            (models.root / "digits" / "1").rmdir()

    return build


def renamed(directory: str, *, all_versions: bool = True) -> Callable[[RepositoryBuilder], object]:
    def build(models: RepositoryBuilder) -> None:
        models.onnx("digits", None if all_versions else identity_config("digits"))
        if not all_versions:
            models.onnx("digits", version=2)
            (models.root / "digits" / "2").rename(models.root / "digits" / directory)
        else:
            (models.root / "digits" / "1").rename(models.root / "digits" / directory)

    return build


def sequence_output(models: RepositoryBuilder) -> None:
    """A graph that gives a list of tensors."""
    kind = helper.make_tensor_sequence_value_info("OUTPUT", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["INPUT"], ["OUTPUT"])],
        "list",
        [helper.make_tensor_value_info("INPUT", TensorProto.FLOAT, ["b", 4])],
        [kind],
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    config = identity_config("digits")
    models.onnx("digits", config, proto)


def decoupled(models: RepositoryBuilder) -> None:
    text = python_config("{}") + "model_transaction_policy { decoupled: true }\n"
    for name in ("first", "second"):
        models.python(name, text.replace("{}", name))
    step = (
        '{{ model_name: "{0}" model_version: -1 input_map {{ key: "INPUT" value: "INPUT" }}'
        ' output_map {{ key: "OUTPUT" value: "{1}" }} }}'
    )
    config = ensemble_config("both", ["first"]).split("ensemble_scheduling")[0]
    config = config.replace("output [", 'output [ { name: "OTHER" data_type: TYPE_FP32 dims: 4 }, ')
    config += f"ensemble_scheduling {{ step [ {step.format('first', 'OUTPUT')}, {step.format('second', 'OTHER')} ] }}"
    models.ensemble("both", [], config)


OUTPUT_LABELS = '"OUTPUT" label_filename: "labels.txt"'
SEQUENCE = "sequence_batching {{ control_input [ {{ name: {} control [ {{ kind: {} }} ] }} ] }}"


def case(name: str, rule: str, at: str, build: Callable[[RepositoryBuilder], object], *words: str) -> Broken:
    return Broken(name=name, rule=rule, at=at, words=words, build=build)
