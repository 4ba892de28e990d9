"""TensorRT on this machine's GPU, by its Python package: the options of trtexec that builders use, and one answer.

Written after TensorRT 11.1's documentation ("Python API Documentation") and never run: see README.md.
"""

from __future__ import annotations

import importlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planning.engines.shapes import InputShapes

Array = NDArray[Any]  # of any type that an engine has


class TensorRt:
    """`capability` and `name` are the GPU's. Needs `tensorrt` and `torch`, neither of which carries types."""

    def __init__(self) -> None:
        self._trt: Any = importlib.import_module("tensorrt")
        self._torch: Any = importlib.import_module("torch")
        self._logger = self._trt.Logger(self._trt.Logger.WARNING)
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.name, capability, self.driver = told.stdout.splitlines()[0].split(", ")
        major, minor = capability.split(".")
        self.capability = int(major), int(minor)
        self.version: str = self._trt.__version__

    def build(self, onnx: bytes, shapes: Sequence[InputShapes]) -> bytes:
        """Strongly typed, without TF32: `trtexec --stronglyTyped --noTF32`. RuntimeError where TensorRT refuses."""
        trt = self._trt
        builder = trt.Builder(self._logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, self._logger)
        if not parser.parse(onnx):
            raise RuntimeError("; ".join(str(parser.get_error(index)) for index in range(parser.num_errors)))
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)
        if shapes:
            profile = builder.create_optimization_profile()
            for one in shapes:
                profile.set_shape(one.name, one.min, one.opt, one.max)
            config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise RuntimeError("TensorRT built no engine: its log says why")
        return bytes(plan)

    def load(self, plan: bytes) -> Engine:
        engine = self._trt.Runtime(self._logger).deserialize_cuda_engine(plan)
        if engine is None:
            raise RuntimeError("TensorRT does not load the engine: its log says why")
        return Engine(self._trt, self._torch, engine)


class Engine:
    def __init__(self, trt: Any, torch: Any, engine: Any) -> None:
        self._trt, self._torch, self._engine = trt, torch, engine
        self._context = engine.create_execution_context()

    def answer(self, inputs: Mapping[str, Array]) -> tuple[Mapping[str, Array], float]:
        """The outputs by name, and how many seconds it took on the device, copies left out."""
        torch, context = self._torch, self._context
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        held = {name: torch.from_numpy(np.ascontiguousarray(array)).cuda() for name, array in inputs.items()}
        for name, tensor in held.items():
            context.set_input_shape(name, tuple(tensor.shape))
        for name in names:
            if name not in held:
                kind = self._trt.nptype(self._engine.get_tensor_dtype(name))
                empty = np.empty(tuple(context.get_tensor_shape(name)), dtype=kind)
                held[name] = torch.from_numpy(empty).cuda()
            context.set_tensor_address(name, held[name].data_ptr())
        stream = torch.cuda.Stream()
        torch.cuda.synchronize()
        began = time.perf_counter()
        if not context.execute_async_v3(stream.cuda_stream):
            raise RuntimeError("TensorRT did not run the engine: its log says why")
        stream.synchronize()
        took = time.perf_counter() - began
        return {name: tensor.cpu().numpy() for name, tensor in held.items() if name not in inputs}, took
