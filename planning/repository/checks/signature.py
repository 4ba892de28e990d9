"""A config's inputs and outputs against the ONNX graph that they describe.

Source: ValidateInputs, ValidateOutputs (onnxruntime_backend, src/onnxruntime.cc) and CompareDimsSupported
(src/onnxruntime_utils.cc). A TensorRT engine that is yet to be built is held against the graph that it
will be built from, more leniently: its builder may fix what the graph leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planning.findings import Finding, Rule, Severity
from planning.repository.config import InputConfig, OutputConfig, TensorConfig, data_type
from planning.repository.graph import Graph, GraphTensor
from planning.repository.model import Model
from planning.repository.suggestion import did_you_mean, listed, nearest

NAMES_AGREE = Rule("TU214", Severity.ERROR, "The config names the graph's own inputs and outputs")
TYPES_AGREE = Rule("TU215", Severity.ERROR, "The config's data types are the graph's")
SHAPES_AGREE = Rule("TU216", Severity.ERROR, "The config's dims fit the graph's shapes")


def check_signature(model: Model) -> Iterator[Finding]:
    """Each served ONNX file, or a planned engine's source, against the config."""
    if model.planned:
        if model.engine is not None and model.engine.graph is not None:
            file = f"{model.engine.model}/{model.engine.file}"
            yield from _Check(model, model.engine.graph, file, exact=False).all()
        return
    for version in model.served:
        if version.graph is not None:
            file = f"{version.number}/{model.model_filename}"
            yield from _Check(model, version.graph, file, exact=True).all()


@dataclass(frozen=True, slots=True)
class _Check:
    model: Model
    graph: Graph
    file: str
    exact: bool
    """Whether a -1 of the graph's output must stand in the config too: Triton compares outputs so."""

    def all(self) -> Iterator[Finding]:
        yield from self._unservable()
        # What a config leaves out altogether is completed from the graph, and agrees with it.
        if self.model.config.input:
            yield from self._inputs()
        for index, output in enumerate(self.model.config.output):
            yield from self._output(f"output[{index}]", output)

    def _unservable(self) -> Iterator[Finding]:
        for tensor in (*self.graph.inputs, *self.graph.outputs):
            if not tensor.is_tensor:
                what = f"{tensor.name!r} in {self.file} is not a tensor, and Triton serves only tensors."
                fix = "Export the model without sequences, maps and optionals at its edges."
                yield self.model.finding(TYPES_AGREE, "", what, fix)

    def _inputs(self) -> Iterator[Finding]:
        known = {tensor.name: tensor for tensor in (*self.graph.inputs, *self.graph.overridable)}
        required = {tensor.name for tensor in self.graph.inputs}
        stated = {tensor.name for tensor in self.model.config.input}
        missing = sorted(required - stated - self._given_by_triton())
        unknown = sorted(stated - set(known))
        for index, tensor in enumerate(self.model.config.input):
            at = f"input[{index}]"
            graph = known.get(tensor.name)
            if graph is not None:
                yield from self._optional(at, tensor, graph.name in required)
                yield from self._types(f"{at}.data_type", tensor, graph)
                yield from self._input_shape(at, tensor, graph)
            elif tensor.name:
                meant = nearest(tensor.name, missing)
                if meant is None and len(missing) == len(unknown) == 1:
                    meant = missing[0]
                if meant in missing:
                    missing.remove(meant)
                yield self._no_such("input", f"{at}.name", tensor.name, known, meant)
        for name in missing:
            what = f"The graph {self.file} needs the input {name!r}, which the config does not have."
            yield self.model.finding(NAMES_AGREE, "input", what, f"Add an input named {name!r}.")

    def _given_by_triton(self) -> set[str]:
        """Inputs of the graph that Triton fills: sequence controls and states, and batch inputs."""
        config = self.model.config
        names = {control.name for control in config.sequence_batching.control_input}
        names.update(state.input_name for state in config.sequence_batching.state)
        return names.union(*(batch.target_name for batch in config.batch_input))

    def _no_such(self, kind: str, at: str, name: str, known: Mapping[str, GraphTensor], meant: str | None) -> Finding:
        what = f"The graph {self.file} has no {kind} {name!r}."
        hint = f"Did you mean {meant!r}? " if meant else did_you_mean(name, known)
        fix = f"{hint}It has {listed(known)}."
        return self.model.finding(NAMES_AGREE, at, what, fix)

    def _optional(self, at: str, tensor: InputConfig, required: bool) -> Iterator[Finding]:
        if tensor.optional and required:
            what = f"{tensor.name!r} is optional, but the graph {self.file} has no value of its own for it."
            fix = "Leave optional out, or export the graph with an initialiser for it."
        elif tensor.optional and self.model.max_batch_size:
            what = f"{tensor.name!r} is optional in a model with max_batch_size {self.model.max_batch_size}."
            fix = "ONNX Runtime takes optional inputs only with max_batch_size: 0."
        elif not tensor.optional and not required:
            what = f"{tensor.name!r} is required, but the graph {self.file} has a value of its own for it."
            fix = "Write optional: true (with max_batch_size: 0), or remove the input."
        else:
            return
        if not self.model.planned:
            yield self.model.finding(NAMES_AGREE, f"{at}.optional", what, fix)

    def _output(self, at: str, tensor: OutputConfig) -> Iterator[Finding]:
        known = {output.name: output for output in self.graph.outputs}
        graph = known.get(tensor.name)
        if graph is None:
            if tensor.name:
                unstated = set(known) - {output.name for output in self.model.config.output}
                meant = nearest(tensor.name, unstated) or (unstated.pop() if len(unstated) == 1 else None)
                yield self._no_such("output", f"{at}.name", tensor.name, known, meant)
            return
        yield from self._types(f"{at}.data_type", tensor, graph)
        scattered = {name for batch in self.model.config.batch_output for name in batch.target_name}
        if tensor.name not in scattered:
            yield from self._shape(at, tensor, graph, exact=self.exact)

    def _types(self, at: str, tensor: TensorConfig, graph: GraphTensor) -> Iterator[Finding]:
        stated = data_type(tensor.data_type)
        if graph.data_type == "TYPE_INVALID":
            if graph.is_tensor:
                what = f"Triton has no data type for {tensor.name!r} in the graph {self.file}."
                yield self.model.finding(TYPES_AGREE, at, what, "Export the graph with a Cast to another type.")
        elif stated not in (graph.data_type, "TYPE_INVALID"):
            what = f"{tensor.name!r} is {stated} in the config and {graph.data_type} in the graph {self.file}."
            yield self.model.finding(TYPES_AGREE, at, what, f"Write data_type: {graph.data_type}.")

    def _input_shape(self, at: str, tensor: InputConfig, graph: GraphTensor) -> Iterator[Finding]:
        if not tensor.allow_ragged_batch:
            yield from self._shape(at, tensor, graph, exact=False)
        elif graph.dims not in (None, (-1,)):
            what = f"{tensor.name!r} is ragged, and the graph {self.file} gives it {_text(graph.dims or ())}."
            fix = "A ragged input is one flat dimension in the graph: [-1]."
            yield self.model.finding(SHAPES_AGREE, f"{at}.allow_ragged_batch", what, fix)

    def _shape(self, at: str, tensor: TensorConfig, graph: GraphTensor, *, exact: bool) -> Iterator[Finding]:
        if graph.dims is None or not tensor.dims:
            return
        reshaped = tensor.HasField("reshape")
        dims = tuple(tensor.reshape.shape if reshaped else tensor.dims)
        at = f"{at}.{'reshape.shape' if reshaped else 'dims'}"
        if not graph.dims:
            if any(dim != 1 for dim in dims):
                what = f"{tensor.name!r} is a single value in the graph {self.file}, and {_text(dims)} here."
                yield self.model.finding(SHAPES_AGREE, at, what, "Write dims: [ 1 ].")
            return
        batch = self.model.max_batch_size
        if batch > 0 and graph.dims[0] != -1:
            what = (
                f"max_batch_size {batch} needs a graph that takes any batch, but {tensor.name!r} is"
                f" {_text(graph.dims)} in {self.file}: its first size is fixed."
            )
            fix = f"Export it with a dynamic batch axis, or write max_batch_size: 0 and dims: {_text(graph.dims)}."
            yield self.model.finding(SHAPES_AGREE, at, what, fix)
            return
        full = (-1, *dims) if batch > 0 else dims
        if not _fits(graph, full, exact=exact):
            counted = f" (with the batch of max_batch_size {batch} before it)" if batch > 0 else ""
            what = (
                f"{tensor.name!r} is {_text(full)} by the config{counted} and {_text(graph.dims)} in the graph"
                f" {self.file}."
            )
            right = graph.dims[1:] if batch > 0 else graph.dims
            yield self.model.finding(SHAPES_AGREE, at, what, self._fix(right, reshaped))

    def _fix(self, right: Sequence[int], reshaped: bool) -> str:
        if right:
            return f"Write {'shape' if reshaped else 'dims'}: {_text(right)}."
        return "Write dims: [ 1 ] with reshape: { shape: [ ] }."


def _fits(graph: GraphTensor, config: Sequence[int], *, exact: bool) -> bool:
    """Whether the shapes agree. An input's -1 in the graph takes whatever the config says; a -1 in the
    config is no fixed size of the graph, neither for inputs nor for outputs."""
    dims = graph.dims or ()
    return len(dims) == len(config) and all(
        one == other or (one == -1 and (not exact or position in graph.loose))
        for position, (one, other) in enumerate(zip(dims, config, strict=True))
    )


def _text(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]" if dims else "[ ]"
