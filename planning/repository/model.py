"""A Triton model repository as planning sees it: models, their versions and files, what they take and give.

The layout is Triton's own (docs/user_guide/model_repository.md of triton-inference-server/server):
`<root>/<model>/config.pbtxt` and `<root>/<model>/<version>/<files>`. Everything here is read once by
`planning.repository.reader`; nothing in it opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from planning.engines.built import BuiltEngine
from planning.findings import Finding, Place, Rule
from planning.profiles.file import Profile
from planning.repository.config import ModelConfig
from planning.repository.formats import WrongFormat
from planning.repository.graph import Graph
from planning.repository.lines import line_of
from planning.repository.python_code import PythonCode
from planning.repository.versions import Versions
from planning.repository.vllm_engine import EngineArguments

CONFIG_FILE = "config.pbtxt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output as a client sees it: `dims` without the batch dimension, -1 for any size."""

    name: str
    data_type: str
    """Triton's configuration name, as `TYPE_FP32`; `TYPE_INVALID` where the config states none."""
    dims: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model. `path` is relative to the model's directory, `size` in bytes, `sha256` hex."""

    path: PurePosixPath
    size: int
    sha256: str
    stored: str | None = None
    """Where it lies below the destination, of a file that is not here: an engine that was built there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version that Triton would load, with all of its files, sorted by path."""

    number: int
    files: tuple[ModelFile, ...]
    graph: Graph | None = None
    """The signature of its ONNX file; none for other backends, and where the file cannot be read."""
    code: PythonCode | None = None
    """What the file of a Python model defines; none for other backends."""
    engine_arguments: EngineArguments | None = None
    """What a vLLM model asks of its engine; none for other backends."""
    wrong: tuple[tuple[PurePosixPath, WrongFormat], ...] = ()
    """Model files that are not of their backend's format."""

    def has(self, filename: str) -> bool:
        """Whether `filename` (a file or a directory directly in the version's directory) is there."""
        return any(file.path.parts[1] == filename for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSource:
    """What a TensorRT engine is built from: the config's parameters `tritonup.engine.source`
    (`digits/1/model.onnx`: here model `digits`, file `1/model.onnx`) and `tritonup.engine.precision`."""

    model: str
    file: str
    precision: str
    graph: Graph | None = None
    """The source's signature; none where it is missing or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model directory.

    Triton fills in what a config leaves out (see `planning.repository.completion`): `backend`,
    `platform`, `model_filename`, `max_batch_size`, `inputs` and `outputs` are as Triton will have them.
    `config` is as it was written.
    """

    name: str
    """The directory's name, which Triton requires to be the model's."""
    directory: Path
    backend: str
    """`onnxruntime`, `tensorrt`, `python`, …; `ensemble` for an ensemble; empty where nothing says."""
    platform: str
    model_filename: str
    max_batch_size: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    steps: tuple[str, ...]
    """The models that an ensemble calls directly, in the order of its steps, each once."""
    served: tuple[Version, ...]
    """Those that the version policy selects, ascending."""
    files: tuple[ModelFile, ...]
    """What is served from beside the version directories: the config, label files, …"""
    labels: Mapping[str, tuple[str, ...]]
    """The lines of each label file that an output names and that could be read, by its path."""
    engine: EngineSource | None
    directories: Versions
    """What Triton makes of the subdirectories, including those that it does not take as versions."""
    config: ModelConfig = field(compare=False, repr=False)
    config_text: str = field(compare=False, repr=False)
    profiles: tuple[Profile, ...] = ()
    """What `tritonup profile` measured of it, one of each kind of hardware. They are not served."""

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version directory, ascending."""
        return self.directories.present

    @property
    def weights_bytes(self) -> int:
        """Bytes of the served versions' files. A planned engine has none: look at its source's. Of engines for
        several GPUs one is loaded, the largest at the most."""
        here = sum(file.size for version in self.served for file in version.files if file.stored is None)
        return here + max((file.size for version in self.served for file in version.files if file.stored), default=0)

    @property
    def planned(self) -> bool:
        """A TensorRT model whose engine is declared but not built yet: planned, not served."""
        if self.backend != "tensorrt" or self.engine is None:
            return False
        files = {self.model_filename, *self.config.cc_model_filenames.values()}
        built = all(any(version.has(file) for file in files) for version in self.served)
        return not (self.served and built)

    @property
    def config_path(self) -> Path:
        return self.directory / CONFIG_FILE

    def at(self, field: str) -> Place:
        """The place of `field` (`input[0].dims`) in this model's config, with its line."""
        return Place(file=self.config_path.as_posix(), field=field, line=line_of(self.config_text, field))

    def finding(self, rule: Rule, field: str, what: str, fix: str) -> Finding:
        """`rule` broken by `field` of this model's config."""
        return Finding(rule=rule, at=self.at(field), what=what, fix=fix)

    def file_finding(self, rule: Rule, path: PurePosixPath | str, what: str, fix: str) -> Finding:
        """`rule` broken by the file or directory `path`, relative to this model's directory."""
        at = Place(file=(self.directory / path).as_posix(), field="")
        return Finding(rule=rule, at=at, what=what, fix=fix)

    @property
    def all_files(self) -> tuple[ModelFile, ...]:
        """Everything of this model that is served, sorted by path."""
        files = (*self.files, *(file for version in self.served for file in version.files))
        return tuple(sorted(files, key=lambda file: file.path))

    def file(self, path: PurePosixPath) -> ModelFile | None:
        """The served file at `path`, relative to the model's directory."""
        return next((file for file in self.all_files if file.path == path), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A directory of models, sorted by name."""

    root: Path
    models: Mapping[str, Model]
    broken: frozenset[str] = frozenset()
    """Directories that are there but could not be read as models; a finding says why."""
    engines: Mapping[str, BuiltEngine] = field(default_factory=dict[str, BuiltEngine])
    """The engines that were built and recorded, by the name of their key."""
