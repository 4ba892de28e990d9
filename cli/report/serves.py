"""What a server serves and with which release: its models, the engines that they need, its image."""

from __future__ import annotations

from cli.report.document import Block, Column, Fact, Facts, Section, Table
from cli.report.values import Value, code, count, names, size, words
from planning.engines.needed import NeededEngine
from planning.memory import instances, states_instances
from planning.repository.model import Model
from planning.server import PlannedServer
from planning.storage import FetchedSource, FilledSource
from planning.wording import counted, listed

MODELS = (
    Column("model", "Model"),
    Column("backend", "Backend"),
    Column("versions", "Versions"),
    Column("weights", "Weights"),
    Column("greatest_batch", "Batch"),
    Column("instances", "Instances"),
    Column("because", "Because"),
)
ENSEMBLES = (Column("ensemble", "Ensemble"), Column("steps", "Steps, in this order"))
NOT_SERVED = (Column("model", "Planned, not served"), Column("because", "Because"))
ENGINES = (
    Column("model", "Model"),
    Column("engine", "Engine that it needs"),
    Column("pools", "On pools"),
    Column("source", "Built from"),
    Column("state", "Is"),
)


def serves_section(server: PlannedServer, named: tuple[str, ...]) -> Section:
    """`named`: the models that the stack file names."""
    served = server.served
    ensembles = [model for model in served.models if model.steps]
    blocks: list[Block] = [
        Table(
            key="models",
            columns=MODELS,
            rows=tuple(_model(server, model, _why(server, model, named)) for model in served.models),
        ),
        Table(
            key="ensembles",
            columns=ENSEMBLES,
            rows=tuple((words(model.name), _steps(model.steps)) for model in ensembles),
        ),
        Facts(
            look="list",
            facts=(
                Fact(
                    "content_digest",
                    "Content digest",
                    code(served.digest),
                    f"SHA-256 over the paths and contents of the {counted(len(served.files), 'file')} that it is given,"
                    f" {size(served.total_bytes).text}",
                ),
                *_from(server),
                Fact(
                    "repository",
                    "Reads its models from",
                    code(server.storage.repository.value),
                    server.storage.repository.because,
                ),
            ),
        ),
        Table(
            key="not_served",
            columns=NOT_SERVED,
            rows=tuple((words(model.name), words(_waits(model, served.planned))) for model in served.planned),
        ),
        Table(
            key="engines",
            columns=ENGINES,
            rows=tuple(map(_engine, server.engines)),
        ),
    ]
    return Section(key="serves", title="What it serves", blocks=tuple(blocks))


def _engine(needed: NeededEngine) -> tuple[Value, ...]:
    built = needed.built
    state = (
        f"built on {built.built:%Y-%m-%d}, {size(built.size).text}, served as {needed.file}" if built else "not built"
    )
    return (
        words(needed.model),
        code(needed.key.name),
        names(needed.pools),
        code(needed.source),
        words(state),
    )


def _from(server: PlannedServer) -> tuple[Fact, ...]:
    """Where its pods fetch from, which Triton does not see."""
    match server.storage.source:
        case FetchedSource(bucket=bucket, onto=onto):
            at = f"{bucket.url}/{server.name}/{server.served.digest}"
            why = f"an init container fetches them onto {onto} and verifies them before Triton starts"
            return (Fact("fetched_from", "Fetches its models from", code(at), why),)
        case FilledSource(claim=claim, folder=folder, seconds=seconds):
            why = f"a Job fills it once with what it verifies; pods mount it read-only and wait up to {seconds.value} s"
            return (Fact("volume", "Finds its models on the claim", code(f"{claim}/{folder}"), why),)
        case _:
            return ()


def _model(server: PlannedServer, model: Model, why: str) -> tuple[Value, ...]:
    versions = [str(version.number) for version in model.served]
    return (
        words(model.name),
        words(model.backend),
        Value(data=[version.number for version in model.served], text=", ".join(versions)),
        size(model.weights_bytes),
        count(model.max_batch_size),
        _instances(server, model),
        words(why),
    )


def _instances(server: PlannedServer, model: Model) -> Value:
    made = instances(model, with_gpu=server.gpus > 0)
    by_default = made and not states_instances(model)
    return Value(data=made, text=f"{made:,} (Triton's default)" if by_default else f"{made:,}")


def _steps(steps: tuple[str, ...]) -> Value:
    return Value(data=list(steps), text=", ".join(steps))


def _why(server: PlannedServer, model: Model, named: tuple[str, ...]) -> str:
    if model.name in named:
        return "the stack file names it"
    callers = sum(model.name in caller.steps for caller in server.served.models)
    return f"a step of {counted(callers, 'ensemble')}"


def _waits(model: Model, planned: tuple[Model, ...]) -> str:
    if model.engine is not None:
        return f"its engine is not built from {model.engine.model}/{model.engine.file} yet"
    waiting = {other.name for other in planned}
    return f"it calls {listed([step for step in model.steps if step in waiting])}, which is not served yet"


def release_section(server: PlannedServer) -> Section:
    release, image, proxy = server.release, server.image, server.proxy_image
    oldest = ".".join(map(str, release.min_compute_capability)) if release.min_compute_capability else None
    cuda = f"CUDA {release.cuda or 'of the release'} runs on it by minor-version compatibility"
    ptx = "what is compiled at run time needs one as new as CUDA"
    carried = "the release carries it"
    facts = (
        Fact("release", "Release", words(release.tag), f"servers.{server.name}.release says so"),
        Fact("triton_version", "Triton", words(release.server_version), carried),
        _found("cuda_version", "CUDA", words(release.cuda), carried),
        _found("tensorrt_version", "TensorRT", words(release.tensorrt), "engines are built with this very version"),
        _found("onnxruntime_version", "ONNX Runtime", words(release.onnxruntime), carried),
        _found("least_driver", "Driver of the nodes", _at_least(release.min_driver), cuda),
        _found("least_driver_for_ptx", "Driver for PTX code", _at_least(release.bundled_driver), ptx),
        _found("least_compute_capability", "Compute capability", _at_least(oldest), "the oldest GPU that it supports"),
    )
    sources = Fact("sources", "Sources", words(release.source), "the catalogue has these figures from there")
    return Section(
        key="release",
        title="Image and release",
        blocks=(
            Facts(
                facts=(
                    Fact("image", "Image", code(str(image.value)), image.because),
                    *_fetcher(server),
                    Fact("proxy_image", "Image of nginx before it", code(str(proxy.value)), proxy.because),
                ),
                look="list",
            ),
            Facts(facts=facts),
            Facts(facts=(sources,), look="list"),
        ),
    )


def _fetcher(server: PlannedServer) -> tuple[Fact, ...]:
    match server.storage.source:
        case FetchedSource(image=image) | FilledSource(image=image):
            return (Fact("fetcher_image", "Image of the fetcher", code(str(image.value)), image.because),)
        case _:
            return ()


def _found(key: str, label: str, value: Value, because: str) -> Fact:
    return Fact(key, label, value, because if value.data is not None else "nobody found the figure")


def _at_least(version: str | None) -> Value:
    return words(None) if version is None else Value(data=version, text=f"{version} or newer")
