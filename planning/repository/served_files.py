"""Which files beside the version directories belong to what is served.

For a backend that reads a declared model file, exactly what the config refers to. A Python model, or one
of a backend that is not NVIDIA's, may open anything in its directory, so that all of it is served but the
model's card, its sample request and its profiles (`*.md`, `sample.json`, `profile.*.json`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from planning.profiles.file import is_profile
from planning.repository.completion import ENSEMBLE, KNOWN_BACKENDS
from planning.repository.config import ModelConfig
from planning.repository.files import Inside, leads_outside
from planning.repository.model import CONFIG_FILE
from planning.repository.versions import Versions

_DECLARED = (KNOWN_BACKENDS | {ENSEMBLE}) - {"python"}

_MODEL_DIRECTORY = "$$TRITON_MODEL_DIRECTORY/"
"""How a Python model's config writes its own directory (python_backend, README.md)."""


def beside_versions(
    directory: Path, config: ModelConfig, backend: str, directories: Versions, inside: Inside
) -> list[PurePosixPath]:
    """The served files of the model in `directory` that are in no served version, relative to it."""
    top = inside.entries(directory)
    named = set(_referred(config))
    if backend in _DECLARED:
        # A backend's or batching strategy's own library takes precedence over the server's
        # (GetBackendLibrarySearchPaths, core/src/backend_model.cc).
        named.update(PurePosixPath(entry.name) for entry in top if entry.name.endswith(".so"))
    else:
        apart = {*map(str, directories.present), "configs", "sample.json"}
        named.update(
            PurePosixPath(entry.name)
            for entry in top
            if entry.name not in apart and not entry.name.endswith(".md") and not is_profile(entry.name)
        )
    selected = set(map(str, directories.selected))
    found: set[PurePosixPath] = set()
    for path in named:
        entry = None if path.parts[0] in selected else inside.find(directory, path)
        if entry is not None:
            found.update(inside.files(directory, path) if entry.is_dir else [path])
    return sorted(found)


def _referred(config: ModelConfig) -> Iterator[PurePosixPath]:
    """What `config` names, relative to the model's directory, whether it is there or not."""
    names = [CONFIG_FILE, *(output.label_filename for output in config.output)]
    for warmup in config.model_warmup:
        names += [f"warmup/{data.input_data_file}" for data in warmup.inputs.values() if data.input_data_file]
    for state in config.sequence_batching.state:
        names += [f"initial_state/{start.data_file}" for start in state.initial_state if start.data_file]
    names += config.model_operations.op_library_filename
    values = [parameter.string_value for parameter in config.parameters.values()]
    names += [value.removeprefix(_MODEL_DIRECTORY) for value in values]
    for name in names:
        if name and "\0" not in name and ".." not in PurePosixPath(name).parts and not leads_outside(name):
            yield PurePosixPath(name)
