"""Triton's monthly releases: what each carries, and what it needs of the GPU and its driver.

Only what was read stands here; `None` says that nobody found the figure, and nothing may be concluded from
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonRelease:
    """One release of the image `nvcr.io/nvidia/tritonserver:<tag>-py3`.

    `tag` is the release ("26.08") and `server_version` Triton's own ("2.72.0"). `released` is the ISO date of
    the release's tag in Triton's repository. `min_driver` is the oldest driver branch on which its CUDA runs
    by CUDA's minor-version compatibility, without the forward-compatibility package. Code that is compiled
    from PTX at run time needs `bundled_driver` or newer: the driver that is as old as its CUDA, as Triton's
    compatibility matrix gives it for the same release's image with vLLM. `min_compute_capability` is the
    oldest GPU that it supports. `fixes` are the ids of NVIDIA's security bulletins that name it as the first
    fixed release (NVIDIA/product-security, 2025 and 2026).
    """

    tag: str
    server_version: str
    released: str | None
    cuda: str | None
    min_driver: str | None
    bundled_driver: str | None
    tensorrt: str | None
    onnxruntime: str | None
    python: str | None
    min_compute_capability: tuple[int, int] | None
    fixes: tuple[str, ...]
    source: str

    @property
    def order(self) -> tuple[int, int]:
        """Year and month, to compare releases by age."""
        return release_order(self.tag)


def release_order(tag: str) -> tuple[int, int]:
    """Year and month of a release's tag ("26.08" is (26, 8)). ValueError where it is not one."""
    year, separator, month = tag.partition(".")
    if not (separator and year.isdecimal() and month.isdecimal()):
        raise ValueError(f"release {tag!r} is not of the form YY.MM, such as 26.08.")
    return int(year), int(month)


_NOTES = "docs.nvidia.com/deeplearning/triton-inference-server/release-notes/rel-{}.html"
_REPO = "triton-inference-server/server: tag v{}, build.py (ONNX Runtime) and docs/introduction/compatibility.md"
_MINOR = "docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html (CUDA 13.x: driver >= 580)"

_CUDA_13_DRIVER: Final = "580"
_CUDA_12_DRIVER: Final = "525"
_TURING: Final = (7, 5)


def _source(tag: str, version: str, *more: str) -> str:
    return "; ".join((_NOTES.format(tag.replace(".", "-")), _REPO.format(version), _MINOR, *more))


_ALL = (
    TritonRelease(
        tag="24.10",
        server_version="2.51.0",
        released="2024-10-28",
        cuda="12.6.2",
        min_driver=_CUDA_12_DRIVER,
        bundled_driver="560.35.03",
        tensorrt=None,
        onnxruntime="1.19.2",
        python="3.10.12",
        min_compute_capability=(6, 0),
        fixes=(),
        source=_source("24.10", "2.51.0", "and there 12.x: driver >= 525"),
    ),
    TritonRelease(
        tag="25.10",
        server_version="2.62.0",
        released="2025-10-30",
        cuda="13.0.2",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="580.95.05",
        tensorrt=None,
        onnxruntime="1.23.1",
        python="3.12.3",
        min_compute_capability=None,
        fixes=("5734",),
        source=f"{_REPO.format('2.62.0')}: CUDA, driver and Python of the image with vLLM; {_MINOR}",
    ),
    TritonRelease(
        tag="26.01",
        server_version="2.65.0",
        released="2026-01-29",
        cuda="13.1.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="590.48.01",
        tensorrt=None,
        onnxruntime="1.23.2",
        python="3.12.3",
        min_compute_capability=None,
        fixes=("5790",),
        source=f"{_REPO.format('2.65.0')}: CUDA, driver and Python of the image with vLLM; {_MINOR}",
    ),
    TritonRelease(
        tag="26.02",
        server_version="2.66.0",
        released="2026-02-24",
        cuda="13.1.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="590.48.01",
        tensorrt=None,
        onnxruntime="1.24.1",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=("5816",),
        source=_source("26.02", "2.66.0"),
    ),
    TritonRelease(
        tag="26.03",
        server_version="2.67.0",
        released="2026-03-24",
        cuda="13.2.0",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="595.45.04",
        tensorrt=None,
        onnxruntime="1.24.2",
        python="3.12.3",
        min_compute_capability=None,
        fixes=("5828", "5860"),
        source=f"{_REPO.format('2.67.0')}: CUDA, driver and Python of the image with vLLM; {_MINOR}",
    ),
    TritonRelease(
        tag="26.04",
        server_version="2.68.0",
        released="2026-04-27",
        cuda="13.2.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="595.58.03",
        tensorrt="10.16.1",
        onnxruntime="1.24.4",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=("5848",),
        source=_source(
            "26.04",
            "2.68.0",
            "TensorRT: a public benchmark log of 2026-09-18 on nvcr.io/nvidia/tensorrt:26.04-py3",
        ),
    ),
    TritonRelease(
        tag="26.05",
        server_version="2.69.0",
        released="2026-05-27",
        cuda="13.2.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="595.58.03",
        tensorrt=None,
        onnxruntime="1.24.4",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=("5853",),
        source=_source("26.05", "2.69.0"),
    ),
    TritonRelease(
        tag="26.06",
        server_version="2.70.0",
        released="2026-06-25",
        cuda="13.3.0",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="610.43.02",
        tensorrt=None,
        onnxruntime="1.24.4",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=("5865",),
        source=_source("26.06", "2.70.0", "the compute capability's sentence names 26.05 by mistake"),
    ),
    TritonRelease(
        tag="26.07",
        server_version="2.71.0",
        released="2026-07-24",
        cuda="13.3.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="610.43.02",
        tensorrt="11.1.0.106",
        onnxruntime="1.27.0",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=("5875",),
        source=_source(
            "26.07",
            "2.71.0",
            "TensorRT: two public builds on this release's images (tritonserver and tensorrt 26.07-py3)",
        ),
    ),
    TritonRelease(
        tag="26.08",
        server_version="2.72.0",
        released="2026-08-20",
        cuda="13.4.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver="615.61",
        tensorrt="11.2.1.2",
        onnxruntime="1.28.0",
        python="3.12.3",
        min_compute_capability=_TURING,
        fixes=(),
        source=_source(
            "26.08",
            "2.72.0",
            "TensorRT: three public projects on this release's images (tritonserver and tensorrt 26.08-py3);"
            " date: branch r26.08",
        ),
    ),
    TritonRelease(
        tag="26.09",
        server_version="2.73.0",
        released=None,
        cuda="13.4.1",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver=None,
        tensorrt=None,
        onnxruntime=None,
        python=None,
        min_compute_capability=_TURING,
        fixes=(),
        source=f"{_NOTES.format('26-09')}; version: triton-inference-server/server e1db8a6 (default branch,"
        f" which tracks 2.73.0 / 26.09); {_MINOR}",
    ),
    TritonRelease(
        tag="26.10",
        server_version="2.74.0",
        released="2026-11-02",
        cuda="13.4.3",
        min_driver=_CUDA_13_DRIVER,
        bundled_driver=None,
        tensorrt=None,
        onnxruntime=None,
        python=None,
        min_compute_capability=_TURING,
        fixes=(),
        source=f"{_NOTES.format('26-10')}; version and date: NVIDIA's list of releases as read on 2026-11-20; {_MINOR}",
    ),
)

RELEASES: Final[Mapping[str, TritonRelease]] = MappingProxyType({release.tag: release for release in _ALL})
"""The releases that can be declared, oldest first."""

MINIMUM_SECURE_RELEASE: Final = "26.07"
"""The oldest release that fixes every bulletin that NVIDIA published for Triton and that was found: number
5875 (highest severity HIGH) asks for "Triton Inference Server r26.07 or later"
(NVIDIA/product-security, 2026/5875/5875.json, read 2026-11-21)."""
