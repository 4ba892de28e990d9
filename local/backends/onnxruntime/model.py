"""The Triton backend `onnxruntime` for a Triton that carries none: the onnxruntime wheel in a Python stub.

It reads from config.pbtxt what the genuine backend reads, so one file serves here and on a GPU server: the
model's file and version, `optimization.graph.level`, and the parameters `intra_op_thread_count`,
`inter_op_thread_count`, `execution_mode`, `enable_mem_arena`, `enable_mem_pattern`. It refuses at load what
the genuine one refuses: a tensor that the graph has not, another data type, dims that do not fit.
Source of names, levels, defaults and checks: triton-inference-server/onnxruntime_backend, README.md and
src/onnxruntime.cc of June 2026. Not carried over: accelerators, implicit sequence state, bfloat16.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

DATA_TYPES = {"tensor(float16)": "TYPE_FP16", "tensor(float)": "TYPE_FP32", "tensor(double)": "TYPE_FP64"}
DATA_TYPES |= {f"tensor({n})": f"TYPE_{n.upper()}" for n in ("bool", "uint8", "uint16", "uint32", "uint64")}
DATA_TYPES |= {f"tensor({n})": f"TYPE_{n.upper()}" for n in ("int8", "int16", "int32", "int64", "string")}
DEFAULT_MAX_BATCH_SIZE = 4  # what the genuine backend completes a batching model with


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config.as_dict()
        if config.get("input") and config.get("output"):
            return auto_complete_model_config
        session = open_session(config, Path(pb_utils.get_model_dir()))
        tensors = [*session.get_inputs(), *session.get_outputs()]
        batches = all(shape(tensor)[:1] == [-1] for tensor in tensors)
        if batches:
            auto_complete_model_config.set_max_batch_size(config["max_batch_size"] or DEFAULT_MAX_BATCH_SIZE)
            if "sequence_batching" not in config and config["max_batch_size"] > 1:
                auto_complete_model_config.set_dynamic_batching()
        elif config["max_batch_size"] > 0:
            refuse("max_batch_size is set, but the graph's first dimension is fixed")
        if not config.get("input"):
            for tensor in session.get_inputs():
                auto_complete_model_config.add_input(described(tensor, batches))
        if not config.get("output"):
            for tensor in session.get_outputs():
                auto_complete_model_config.add_output(described(tensor, batches))
        return auto_complete_model_config

    def initialize(self, args):
        config = json.loads(args["model_config"])
        if config.get("sequence_batching", {}).get("state"):
            refuse("implicit sequence state needs the genuine onnxruntime backend")
        self.session = open_session(config, Path(args["model_repository"], args["model_version"]))
        self.batches = config["max_batch_size"] > 0
        self.outputs = {tensor.name: tensor.type for tensor in self.session.get_outputs()}
        check_inputs(config, self.session)
        for tensor in config["output"]:
            check(config, "output", tensor, {given.name: given for given in self.session.get_outputs()})

    def execute(self, requests):
        """Answer all requests of one shape by one run of the graph: that is what dynamic batching is for."""
        responses = [None] * len(requests)
        wanted = [set(request.requested_output_names()) & set(self.outputs) for request in requests]
        feeds = {}
        alike = defaultdict(list)
        for index, request in enumerate(requests):
            try:
                feed = feeds[index] = {tensor.name(): as_fed(tensor) for tensor in request.inputs()}
            except UnicodeDecodeError as error:
                responses[index] = failed(f"onnxruntime takes strings as UTF-8: {error}")
                continue
            kind = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(feed.items()))
            alike[kind if self.batches else index].append(index)
        for indices in alike.values():
            names = sorted(set().union(*(wanted[index] for index in indices)))
            for index, answer in self.run(names, {index: feeds[index] for index in indices}).items():
                if isinstance(answer, str):
                    responses[index] = failed(answer)
                    continue
                tensors = [pb_utils.Tensor(name, answer[name]) for name in names if name in wanted[index]]
                responses[index] = pb_utils.InferenceResponse(tensors)
        return responses

    def finalize(self):
        self.session = None

    def run(self, names, feeds):
        """Each request's outputs by name, or its error as text. If the common run fails each request is run
        alone, so that a bad value fails the one request that holds it."""
        try:
            return self.run_together(names, feeds)
        except Exception as error:  # noqa: BLE001  onnxruntime's own types share no narrower base
            if len(feeds) == 1:
                return dict.fromkeys(feeds, f"onnxruntime: {error}")
            alone = [self.run(names, {index: feed}) for index, feed in feeds.items()]
            return {index: answer for one in alone for index, answer in one.items()}

    def run_together(self, names, feeds):
        together, *others = feeds.values()
        if others:
            together = {name: np.concatenate([feed[name] for feed in feeds.values()]) for name in together}
        rows = [len(next(iter(feed.values()))) for feed in feeds.values()] if self.batches else [1]
        answers = {index: {} for index in feeds}
        for name, array in zip(names, self.session.run(names, together), strict=True):
            array = as_answered(array, self.outputs[name])
            if self.batches and array.shape[:1] != (sum(rows),):
                raise ValueError(f"output {name!r} has shape {array.shape} for a batch of {sum(rows)}")
            parts = np.split(array, np.cumsum(rows)[:-1]) if others else [array]
            for answer, part in zip(answers.values(), parts, strict=True):
                answer[name] = part
        return answers


def open_session(config, version_dir):
    import onnxruntime as ort  # here, because a stub that only completes the configuration seldom needs it

    path = version_dir / (config.get("default_model_filename") or "model.onnx")
    if path.is_dir():
        path /= "model.onnx"  # a folder, where the weights lie beside the graph
    if not path.is_file():
        refuse(f"no such model file: {path.parent.name}/{path.name}")

    def parameter(name, default):
        return config.get("parameters", {}).get(name, {}).get("string_value") or default

    levels = ort.GraphOptimizationLevel
    stated = {-1: levels.ORT_ENABLE_BASIC, 1: levels.ORT_ENABLE_EXTENDED, 2: levels.ORT_DISABLE_ALL}
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    options = ort.SessionOptions()
    options.graph_optimization_level = stated.get(level, levels.ORT_ENABLE_ALL)
    if parameter("execution_mode", "0") == "1":
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    # The genuine backend's default is a thread a core. Here every instance is a process of its own, so they
    # share the cores, and none may spin while it waits.
    instances = sum(int(group.get("count", 1)) for group in config.get("instance_group", [])) or 1
    share = max(1, len(os.sched_getaffinity(0)) // instances)
    options.intra_op_num_threads = int(parameter("intra_op_thread_count", 0)) or share
    options.inter_op_num_threads = int(parameter("inter_op_thread_count", 0)) or share
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = parameter("enable_mem_arena", "1").lower() in {"1", "true"}
    options.enable_mem_pattern = parameter("enable_mem_pattern", "1").lower() in {"1", "true"}
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check_inputs(config, session):
    graph = {tensor.name: tensor for tensor in session.get_inputs()}
    declared = {tensor["name"] for tensor in config["input"]}
    for control in config.get("sequence_batching", {}).get("control_input", []):
        declared.add(control["name"])
    if missing := sorted(set(graph) - declared):
        refuse(f"config.pbtxt does not declare the graph's input {missing}")
    graph |= {tensor.name: tensor for tensor in session.get_overridable_initializers()}
    for tensor in config["input"]:
        check(config, "input", tensor, graph)


def check(config, kind, tensor, graph):
    name = tensor["name"]
    if name not in graph:
        refuse(f"config.pbtxt has {kind} {name!r}, the graph has {sorted(graph)}")
    if tensor["data_type"] != DATA_TYPES.get(graph[name].type):
        refuse(f"{kind} {name!r} is {tensor['data_type']} in config.pbtxt, {graph[name].type} in the graph")
    dims = tensor["reshape"].get("shape", []) if "reshape" in tensor else tensor["dims"]
    dims = [int(dim) for dim in dims]
    found = shape(graph[name])
    stated = [-1, *dims] if config["max_batch_size"] > 0 else dims
    if kind == "input" and len(found) == len(stated):  # a free dimension of the graph takes any size
        stated = [f if f == -1 else s for f, s in zip(found, stated, strict=True)]
    if (found or set(dims) - {1}) and stated != found:  # a scalar of the graph is written as dims of 1
        refuse(f"{kind} {name!r} has dims {stated} (batch first) in config.pbtxt, {found} in the graph")


def shape(tensor):
    return [dim if isinstance(dim, int) else -1 for dim in tensor.shape]


def described(tensor, batches):
    dims = shape(tensor)[1:] if batches else shape(tensor)
    return {"name": tensor.name, "data_type": DATA_TYPES[tensor.type], "dims": dims or [1]}


def as_fed(tensor):
    array = tensor.as_numpy()
    if array.dtype != np.object_:
        return array
    return np.array([item.decode() for item in array.flat], dtype=np.object_).reshape(array.shape)


def as_answered(array, onnx_type):
    if onnx_type != "tensor(string)":
        return np.ascontiguousarray(array)
    return np.array([str(item).encode() for item in array.flat], dtype=np.object_).reshape(array.shape)


def failed(message):
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message))


def refuse(message):
    raise pb_utils.TritonModelException(message)
