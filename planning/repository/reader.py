"""Reading a model repository from disk, once, into `Repository`.

Reads every directory as Triton does, but for one rule of ours: every model has a `config.pbtxt`. Nothing
raises for what a repository holds: what cannot be read is a finding, and the rest is read all the same.
No model file is opened twice, and versions that Triton would not load are not opened at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from planning.engines.built import LOCK, EngineLock, LockError, read_lock
from planning.findings import Finding, Place, Rule, Severity
from planning.profiles.file import NotAProfileError, Profile, is_profile, read_profile
from planning.repository.completion import Identity, identity, signature
from planning.repository.config import ModelConfig, parameter
from planning.repository.contents import Contents, Kind, Says, Wanted, read_all
from planning.repository.fetched import check_fetched
from planning.repository.files import Inside, leads_outside, unreadable
from planning.repository.formats import WrongFormat
from planning.repository.graph import Graph, NotOnnx
from planning.repository.model import CONFIG_FILE, EngineSource, Model, ModelFile, Repository, Version
from planning.repository.pbtxt import ConfigSyntaxError, parse_config
from planning.repository.python_code import PythonCode
from planning.repository.served_files import beside_versions
from planning.repository.versions import Versions, versions
from planning.repository.vllm_engine import EngineArguments

READABLE_DIRECTORY = Rule("TU201", Severity.ERROR, "The model repository is a directory that holds models")
HAS_CONFIG = Rule("TU202", Severity.ERROR, "Every model has a config.pbtxt")
CONFIG_PARSES = Rule("TU203", Severity.ERROR, "Every config.pbtxt is a Triton model configuration")
PROFILE_READS = Rule("TU219", Severity.WARNING, "A profile beside a model is one that can be read")
ENGINES_RECORDED = Rule("TU296", Severity.ERROR, "The lock of a repository's engines can be read")
IS_ONNX = Rule("TU212", Severity.ERROR, "Every ONNX file is an ONNX model")

ENGINE_SOURCE = "tritonup.engine.source"
ENGINE_PRECISION = "tritonup.engine.precision"


def read_repository(root: Path) -> tuple[Repository, tuple[Finding, ...]]:
    """Everything under `root`, and what could not be read of it.

    The findings name files as `root` is written: give a relative path for short ones.
    """
    findings: list[Finding] = []
    if not root.is_dir():
        what = "This is not a directory." if root.exists() else "There is no such directory."
        findings.append(_at_root(root, what, "Name the directory that holds the models."))
        return Repository(root=root, models={}), tuple(findings)
    if (root / CONFIG_FILE).is_file():
        findings.append(_at_root(root, "This is the directory of one model.", "Name the directory that holds it."))
        return Repository(root=root, models={}), tuple(findings)
    inside = Inside(root=root.resolve(), report=findings.append)
    drafts: list[_Draft] = []
    broken: set[str] = set()
    for entry in inside.entries(root):
        if entry.is_dir:
            draft = _draft(root / entry.name, inside, findings)
            if draft is None:
                broken.add(entry.name)
            else:
                drafts.append(draft)
    if not drafts and not broken and not findings:
        what = "The repository holds no model."
        findings.append(_at_root(root, what, f"Add a directory with a {CONFIG_FILE} for each model."))
    contents = read_all(list(_wanted(root, drafts)))
    models = {draft.name: _model(root, draft, contents, findings) for draft in drafts}
    findings += check_fetched(root, models)
    engines = _engines(root, findings).engines
    repository = Repository(root=root, models=models, broken=frozenset(broken), engines=engines)
    return repository, tuple(dict.fromkeys(findings))


def _engines(root: Path, findings: list[Finding]) -> EngineLock:
    try:
        return read_lock(root)
    except LockError as refused:
        at = Place(file=(root / LOCK).as_posix(), field="")
        fix = "Take it from version control again, or write it anew with `tritonup engines record`."
        findings.append(Finding(rule=ENGINES_RECORDED, at=at, what=f"The file {refused}", fix=fix))
        return EngineLock()


def _at_root(root: Path, what: str, fix: str) -> Finding:
    return Finding(rule=READABLE_DIRECTORY, at=Place(file=root.as_posix(), field=""), what=what, fix=fix)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A model whose directory has been listed and whose other files have not been read yet."""

    name: str
    directory: Path
    config: ModelConfig
    text: str
    directories: Versions
    identity: Identity
    versions: dict[int, list[PurePosixPath]]
    beside: list[PurePosixPath]
    profiles: tuple[Profile, ...]
    onnx: frozenset[PurePosixPath] = field(default_factory=frozenset[PurePosixPath])
    kinds: Mapping[PurePosixPath, Kind] = field(default_factory=dict[PurePosixPath, Kind])
    """Other model files, and what each is read as."""


def _draft(directory: Path, inside: Inside, findings: list[Finding]) -> _Draft | None:
    name = directory.name
    config_path = directory / CONFIG_FILE
    entries = {entry.name: entry.is_dir for entry in inside.entries(directory)}
    if entries.get(CONFIG_FILE) is not False:
        at = Place(file=directory.as_posix(), field="")
        what = f"The directory {name!r} has no {CONFIG_FILE}."
        fix = f"Add {CONFIG_FILE}, or move the directory out of the model repository."
        findings.append(Finding(rule=HAS_CONFIG, at=at, what=what, fix=fix))
        return None
    try:
        text = config_path.read_bytes().decode()
        config = parse_config(text)
    except OSError as error:
        findings.append(unreadable(config_path, error))
        return None
    except UnicodeDecodeError as error:
        findings.append(_not_a_config(config_path, _not_text(error)))
        return None
    except ConfigSyntaxError as mistake:
        findings.append(_not_a_config(config_path, mistake))
        return None
    directories = versions(config, (entry for entry, is_dir in entries.items() if is_dir))
    listed = {
        number: _version_files(directory, number, inside)
        for number in directories.selected
        if number in directories.present
    }
    first = min((str(number) for number in directories.present), default="")
    in_first = {entry.name for entry in inside.entries(directory / first)} if first else set[str]()
    what_runs = identity(name, config, in_first)
    return _Draft(
        name=name,
        directory=directory,
        config=config,
        text=text,
        directories=directories,
        identity=what_runs,
        versions=listed,
        beside=beside_versions(directory, config, what_runs.backend, directories, inside),
        profiles=tuple(_profiles(directory, sorted(entries), findings)),
        onnx=frozenset(_onnx_files(what_runs, listed)),
        kinds=_kinds(what_runs, config, listed),
    )


def _version_files(directory: Path, number: int, inside: Inside) -> list[PurePosixPath]:
    version = PurePosixPath(str(number))
    return list(inside.files(directory, version)) or list(inside.placeholders(directory, version))


def _profiles(directory: Path, names: list[str], findings: list[Finding]) -> Iterator[Profile]:
    for name in filter(is_profile, names):
        path = directory / name
        try:
            profile = read_profile(path.read_bytes())
        except OSError as error:
            findings.append(unreadable(path, error))
            continue
        except NotAProfileError as error:
            findings.append(_not_a_profile(path, f"This is no profile: {error}."))
            continue
        if profile.model != directory.name or profile.filename != name:
            what = f"This is the profile of {profile.model!r} that belongs into {profile.filename}."
            findings.append(_not_a_profile(path, what))
            continue
        yield profile


def _not_a_profile(path: Path, what: str) -> Finding:
    fix = "Take it out, or write it again with `tritonup profile`."
    return Finding(rule=PROFILE_READS, at=Place(file=path.as_posix(), field=""), what=what, fix=fix)


def _not_text(error: UnicodeDecodeError) -> ConfigSyntaxError:
    before: bytes = error.object[: error.start]
    return ConfigSyntaxError(
        line=before.count(b"\n") + 1,
        column=error.start - before.rfind(b"\n"),
        what="it is not UTF-8 text.",
        fix="Save it as UTF-8.",
    )


def _not_a_config(path: Path, mistake: ConfigSyntaxError) -> Finding:
    return Finding(
        rule=CONFIG_PARSES,
        at=Place(file=path.as_posix(), field=mistake.field, line=mistake.line),
        what=f"Column {mistake.column}: {mistake.what}",
        fix=mistake.fix,
    )


def _onnx_files(what_runs: Identity, listed: dict[int, list[PurePosixPath]]) -> Iterator[PurePosixPath]:
    """The ONNX file of each version: the model file, or `model.onnx` in it where it is a directory
    (LoadModel in onnxruntime_backend, src/onnxruntime.cc)."""
    if what_runs.backend != "onnxruntime":
        return
    for number, paths in listed.items():
        model = PurePosixPath(str(number), what_runs.model_filename)
        yield from (path for path in (model, model / "model.onnx") if path in paths)


_KINDS: Mapping[str, Kind] = {
    "python": Kind.PYTHON,
    "tensorrt": Kind.TENSORRT,
    "pytorch": Kind.PYTORCH,
    "openvino": Kind.OPENVINO,
}
_ENGINE_ARGUMENTS = "model.json"


def _kinds(
    what_runs: Identity, config: ModelConfig, listed: dict[int, list[PurePosixPath]]
) -> dict[PurePosixPath, Kind]:
    """What the model files of each version are read as, where the backend's is more than bytes."""
    kind, names = _KINDS.get(what_runs.backend), {what_runs.model_filename, *config.cc_model_filenames.values()}
    if what_runs.backend == "vllm":
        kind, names = Kind.ENGINE_ARGUMENTS, {_ENGINE_ARGUMENTS}
    if kind is Kind.OPENVINO and not what_runs.model_filename.endswith(".xml"):
        kind = None  # OpenVINO reads other formats too
    return (
        {}
        if kind is None
        else {
            path: kind
            for number, paths in listed.items()
            for path in paths
            if path.parent == PurePosixPath(str(number)) and path.name in names
        }
    )


def _wanted(root: Path, drafts: list[_Draft]) -> Iterator[Wanted]:
    sources = {root / source for draft in drafts if (source := _source_file(draft)) is not None}
    seen: set[Path] = set()
    for draft in drafts:
        for path in (*draft.beside, *(path for paths in draft.versions.values() for path in paths)):
            file = draft.directory / path
            seen.add(file)
            kind = Kind.ONNX if path in draft.onnx or file in sources else draft.kinds.get(path, Kind.BYTES)
            yield Wanted(path=file, kind=kind)
    real_root = root.resolve()
    for file in sorted(sources - seen):
        if file.is_file() and file.resolve().is_relative_to(real_root):
            yield Wanted(path=file, kind=Kind.ONNX)


def _source_file(draft: _Draft) -> str | None:
    """The file that an engine is built from, relative to the repository."""
    source = parameter(draft.config, ENGINE_SOURCE)
    return None if not source or leads_outside(source) else source


def _model(root: Path, draft: _Draft, contents: dict[Path, Contents | OSError], findings: list[Finding]) -> Model:
    def file(path: PurePosixPath) -> ModelFile | None:
        found = contents[draft.directory / path]
        if isinstance(found, Contents):
            return ModelFile(path=path, size=found.size, sha256=found.sha256)
        findings.append(unreadable(draft.directory / path, found))
        return None

    def files(paths: list[PurePosixPath]) -> tuple[ModelFile, ...]:
        return tuple(read for path in sorted(paths) if (read := file(path)) is not None)

    def graph(paths: list[PurePosixPath]) -> Graph | None:
        for path in paths:
            if path in draft.onnx and isinstance(found := contents[draft.directory / path], Contents):
                if isinstance(found.says, NotOnnx):
                    findings.append(_not_onnx(draft.directory / path, found.says))
                return found.says if isinstance(found.says, Graph) else None
        return None

    def said(paths: list[PurePosixPath]) -> Iterator[tuple[PurePosixPath, Says]]:
        for path in paths:
            if path in draft.kinds and isinstance(found := contents[draft.directory / path], Contents):
                yield path, found.says

    served = tuple(
        Version(
            number=number,
            files=files(paths),
            graph=graph(paths),
            code=next((says for _, says in said(paths) if isinstance(says, PythonCode)), None),
            engine_arguments=next((says for _, says in said(paths) if isinstance(says, EngineArguments)), None),
            wrong=tuple((path, says) for path, says in said(paths) if isinstance(says, WrongFormat)),
        )
        for number, paths in sorted(draft.versions.items())
    )
    engine = _engine(root, draft, contents)
    newest = served[-1].graph if served else None
    tensors = signature(draft.config, newest or (engine.graph if engine else None))
    return Model(
        name=draft.name,
        directory=draft.directory,
        backend=draft.identity.backend,
        platform=draft.identity.platform,
        model_filename=draft.identity.model_filename,
        max_batch_size=tensors.max_batch_size,
        inputs=tensors.inputs,
        outputs=tensors.outputs,
        steps=tuple(dict.fromkeys(step.model_name for step in draft.config.ensemble_scheduling.step)),
        served=served,
        files=files(draft.beside),
        labels=_labels(draft),
        engine=engine,
        directories=draft.directories,
        config=draft.config,
        config_text=draft.text,
        profiles=draft.profiles,
    )


def _not_onnx(path: Path, reason: NotOnnx) -> Finding:
    at = Place(file=path.as_posix(), field="")
    return Finding(rule=IS_ONNX, at=at, what=f"The file {reason.what}", fix=reason.fix)


def _engine(root: Path, draft: _Draft, contents: dict[Path, Contents | OSError]) -> EngineSource | None:
    source = parameter(draft.config, ENGINE_SOURCE)
    if not source:
        return None
    model, _, file = source.partition("/")
    found = contents.get(root / source)
    graph = found.says if isinstance(found, Contents) and isinstance(found.says, Graph) else None
    precision = parameter(draft.config, ENGINE_PRECISION)
    return EngineSource(model=model, file=file, precision=precision, graph=graph)


def _labels(draft: _Draft) -> dict[str, tuple[str, ...]]:
    """Lines as Triton's LabelProvider splits them (core/src/label_provider.cc): a last newline adds none."""
    labels: dict[str, tuple[str, ...]] = {}
    inside_versions = [path for paths in draft.versions.values() for path in paths]
    for output in draft.config.output:
        name = output.label_filename
        if name and PurePosixPath(name) in (*draft.beside, *inside_versions):
            try:
                text = (draft.directory / name).read_bytes().decode(errors="replace")
            except OSError:
                continue  # reported where the file is hashed
            labels[name] = tuple(text.removesuffix("\n").split("\n")) if text else ()
    return labels
