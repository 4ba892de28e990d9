"""Only what must differ from the container differs, and each difference is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.command import Adaptation, LocalCommand, local_command
from local.container import Container, Mount, Probe
from local.docker import docker_command
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.ports import Ports
from local.staging import Staging

PROBE = Probe(path="/", port=8000, period_s=1, timeout_s=1, failure_threshold=1, initial_delay_s=0)
INSTALLED = InstalledTriton(
    python=Path("/env/bin/python"),
    server=Path("/wheel/bin/tritonserver"),
    libraries=(Path("/wheel/libs"), Path("/python/lib")),
    backend=Path("/wheel/backends/python"),
    stub=Path("/wheel/stub"),
    caches=Path("/wheel/caches"),
)
PORTS = Ports(http=9000, grpc=9001, metrics=9002)
OURS = {f"{kind}-{what}" for kind in ("http", "grpc", "metrics") for what in ("port", "address")} | {
    "model-repository",
    "model-store",
    "backend-directory",
    "backend-config",
    "cache-directory",
    "log-file",
}


def container(*args: str, mounts: tuple[Mount, ...] = (), env: dict[str, str] | None = None) -> Container:
    models = Mount(path=PurePosixPath("/models"), volume="models", source="persistentVolumeClaim", size_limit=None)
    shm = Mount(path=PurePosixPath("/dev/shm"), volume="shm", source="emptyDir", size_limit="64Mi")
    return Container(
        deployment="text-floor",
        image="nvcr.io/nvidia/tritonserver:26.08-py3",
        argv=("tritonserver", "--model-repository=/models/text/abc", *args),
        env=env or {},
        env_from_cluster=(),
        mounts=(models, shm, *mounts),
        ports={"http": 8000, "grpc": 8001, "metrics": 8002},
        startup=PROBE,
        readiness=PROBE,
        liveness=None,
        pre_stop_s=5,
        grace_s=16,
        gpus=0,
        beside=(),
    )


def adapted(tmp_path: Path, of: Container, known: set[str] | None = None) -> LocalCommand:
    for folder in ("models", "backends", "tmp", "volumes"):
        (tmp_path / folder).mkdir(exist_ok=True)
    staging = Staging(root=tmp_path, served=("digits", "words"), left_out=())
    flags = {arg[2:].partition("=")[0] for arg in of.argv[1:]} if known is None else known
    return local_command(of, INSTALLED, staging, PORTS, flags | {"model-repository"})


def test_the_process_listens_on_loopback_ports_of_its_own(tmp_path: Path) -> None:
    command = adapted(tmp_path, container("--http-port=8000", "--grpc-port=8001", "--http-address=0.0.0.0"))
    assert [arg for arg in command.argv if "port" in arg or "address" in arg] == [
        "--http-port=9000",
        "--grpc-port=9001",
        "--metrics-port=9002",
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    ]


def test_the_models_are_the_staged_ones_wherever_they_lie_in_the_cluster(tmp_path: Path) -> None:
    for repository in ("/models/text/abc", "s3://bucket/models/text/abc"):
        of = replace(container(), argv=("tritonserver", f"--model-repository={repository}"))
        command = adapted(tmp_path, of)
        assert [arg for arg in command.argv if "repository" in arg] == [f"--model-repository={tmp_path}/models"]
        assert any(repository in told.what and "digits, words" in told.what for told in command.adaptations)


def test_flags_of_a_newer_release_are_left_out_and_told(tmp_path: Path) -> None:
    command = adapted(tmp_path, container("--new-flag=1", "--exit-timeout-secs=10"), known={"exit-timeout-secs"})
    assert "--exit-timeout-secs=10" in command.argv
    assert not [arg for arg in command.argv if "new-flag" in arg]
    assert Adaptation(what="without --new-flag=1", because="release 24.10 does not know it") in command.adaptations


FLAG_NAMES = st.from_regex(r"[a-z]{2,8}(-[a-z]{2,8}){0,2}", fullmatch=True).filter(lambda name: name not in OURS)


@given(flags=st.lists(st.tuples(FLAG_NAMES, st.from_regex(r"[a-z0-9.,:]{1,12}", fullmatch=True)), max_size=6))
def test_every_other_flag_that_the_release_knows_arrives_unchanged_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, flags: list[tuple[str, str]]
) -> None:
    args = [f"--{name}={value}" for name, value in flags]
    command = adapted(tmp_path_factory.mktemp("command"), container(*args))
    assert [arg for arg in command.argv if arg in args] == args


def test_a_value_may_stand_apart_from_its_flag(tmp_path: Path) -> None:
    of = replace(container(), argv=("/opt/tritonserver/bin/tritonserver", "--model-repository", "/models", "--id", "a"))
    assert "--id=a" in adapted(tmp_path, of).argv


def test_a_path_in_an_empty_volume_becomes_a_local_folder(tmp_path: Path) -> None:
    scratch = Mount(path=PurePosixPath("/scratch"), volume="scratch", source="emptyDir", size_limit=None)
    of = container("--trace-config=triton,file=/scratch/trace", mounts=(scratch,), env={"CACHE": "/scratch/a"})
    command = adapted(tmp_path, of)
    assert f"--trace-config=triton,file={tmp_path}/volumes/scratch/trace" in command.argv
    assert command.env["CACHE"] == f"{tmp_path}/volumes/scratch/a"
    assert (tmp_path / "volumes" / "scratch").is_dir()


def test_a_path_in_a_volume_that_only_the_cluster_has_is_refused(tmp_path: Path) -> None:
    certificates = Mount(path=PurePosixPath("/tls"), volume="tls", source="secret", size_limit=None)
    with pytest.raises(
        CannotServeError, match=r"'/tls/key.pem' in volume 'tls' \(secret\), which only the cluster has"
    ):
        adapted(tmp_path, container("--grpc-server-key=/tls/key.pem", mounts=(certificates,)))


def test_the_environment_is_the_containers_and_what_the_wheel_needs_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIP_MODE", "PREDICTION")  # would switch Triton's Vertex endpoint on
    command = adapted(tmp_path, container(env={"OMP_NUM_THREADS": "1", "PATH": "/opt/tritonserver/bin"}))
    assert command.env == {
        "OMP_NUM_THREADS": "1",
        "PATH": "/env/bin:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": "/wheel/libs:/python/lib",
        "HOME": f"{tmp_path}/tmp",
        "TMPDIR": f"{tmp_path}/tmp",
        "LANG": "C.UTF-8",
    }
    assert any(told.what.startswith("PATH, LD_LIBRARY_PATH, HOME") for told in command.adaptations)


def test_a_cache_finds_the_wheels_implementation(tmp_path: Path) -> None:
    assert "--cache-directory=/wheel/caches" in adapted(tmp_path, container("--cache-config=local,size=1048576")).argv


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("vllm", "serve"), "runs 'vllm', not tritonserver"),
        ((), "runs '', not tritonserver"),
        (("tritonserver", "stray"), "argument 'stray' belongs to no flag"),
        (("tritonserver", "--id=a"), "gives Triton no --model-repository"),
    ],
)
def test_what_is_not_triton_is_refused(tmp_path: Path, argv: tuple[str, ...], told: str) -> None:
    with pytest.raises(CannotServeError, match=told):
        adapted(tmp_path, replace(container(), argv=argv))


def test_docker_is_told_the_same_arguments_mounts_ports_and_times(tmp_path: Path) -> None:
    of = replace(container("--http-port=8000", env={"A": "b c"}), gpus=1)
    command = docker_command("text", of, [tmp_path / "digits"], PORTS).replace(" \\\n  ", " ")
    assert command == (
        "docker run --rm --name=tritonup-text --gpus=1 -p 127.0.0.1:9000:8000 -p 127.0.0.1:9001:8001"
        " -p 127.0.0.1:9002:8002 --shm-size=64m --stop-timeout=16"
        f" -v {tmp_path}/digits:/models/text/abc/digits:ro -e 'A=b c'"
        " --entrypoint=tritonserver nvcr.io/nvidia/tritonserver:26.08-py3"
        " --model-repository=/models/text/abc --http-port=8000"
    )


def test_docker_reads_models_of_a_bucket_from_a_mount(tmp_path: Path) -> None:
    of = replace(container(), argv=("tritonserver", "--model-repository=s3://bucket/models"))
    command = docker_command("text", of, [tmp_path / "digits"], PORTS)
    assert f"-v {tmp_path}/digits:/models/digits:ro" in command
    assert command.endswith("--model-repository=/models")
