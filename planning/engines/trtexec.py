"""How an engine is built: by NVIDIA's own tool, in the image that will serve it.

Triton's image brings it (triton-inference-server/server e1db8a6, qa/L0_perf_resnet/test.sh: TRTEXEC). Its options are
those of NVIDIA/TensorRT a892d22 (11.1), samples/common/sampleOptions.cpp; all of them are there since 10.9 (8c6d69dd,
the hardware compatibility level).
"""

from __future__ import annotations

from planning.engines.orders import BuildOrder
from planning.engines.shapes import arguments

TRTEXEC = "/usr/src/tensorrt/bin/trtexec"


def trtexec_arguments(order: BuildOrder, *, onnx: str, plan: str) -> tuple[str, ...]:
    """`onnx` and `plan` are files. What it computes in is what the ONNX file says: 10.x has to be told so, and 11.x
    knows nothing else. TF32 would round the products of FP32, so it is asked for by name."""
    return (
        f"--onnx={onnx}",
        f"--saveEngine={plan}",
        "--stronglyTyped",
        "--skipInference",
        *(() if order.precision == "tf32" else ("--noTF32",)),
        *(("--hardwareCompatibilityLevel=sameComputeCapability",) if len(order.gpus) > 1 else ()),
        *arguments(order.shapes),
    )
