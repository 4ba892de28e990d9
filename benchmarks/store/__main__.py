"""Measure: publish a set of files to MinIO on loopback, fetch it with each tool in turn, write results and page.

Waits while a file says that somebody else measures on this machine (`--wait-for FILE`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.store.page import OURS, PAGE, RESULTS, page, read_results
from local.cluster.layout import PROJECT
from local.object_stores import MINIO, RCLONE, SECRET, USER, RunningStore, program, start_minio
from planning.repository.digest import content_digest
from planning.repository.served import ServedFile, ServedSet
from planning.signing import Trust
from publishing.keys import read_signing_key
from publishing.pushing import push
from publishing.store import Store

SIZES = [400, 120, 60, 20, *[1] * 20]
"""MiB of each file: an engine, an encoder, some smaller models, their tokenizers and vocabularies."""

SUMS = "sha256sums"
"""What ours knows of the files by their signature, for a tool that does not."""

AWS = PROJECT / ".tools" / "awscli"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--wait-for", type=Path, help="wait before each round while this file is there")
    parser.add_argument("command", nargs="?", choices=("measure", "page"), default="measure")
    asked = parser.parse_args()
    if asked.command == "measure":
        with tempfile.TemporaryDirectory(prefix="store-benchmark-") as folder:
            results = measure(Path(folder), asked.rounds, asked.wait_for)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(read_results()), encoding="utf-8")


def measure(folder: Path, rounds: int, wait_for: Path | None) -> Mapping[str, Any]:
    minio, rclone = program(MINIO), program(RCLONE)
    for found in (minio, rclone):
        if isinstance(found, str):
            sys.exit(f"{found}: python -m local.object_stores minio rclone")
    assert isinstance(minio, Path)
    assert isinstance(rclone, Path)
    aws = _aws()
    (folder / "minio").mkdir()
    running = start_minio(minio, folder / "minio")
    try:
        os.environ.update(running.environment)
        digest, files, size = _published(folder, running)
        tools = _tools(folder, running, digest, rclone, aws)
        measured: list[Mapping[str, Any]] = []
        for number in range(rounds):
            order = list(tools)
            random.Random(number).shuffle(order)
            while wait_for is not None and wait_for.exists():
                time.sleep(10)
            before = os.getloadavg()[0]
            seconds = {tool: _timed(tools[tool], folder / "out", size) for tool in order}
            load = (round(before, 1), round(os.getloadavg()[0], 1))
            measured.append({"order": order, "seconds": {tool: seconds[tool] for tool in tools}, "load": load})
            print(f"round {number + 1}: {seconds}", file=sys.stderr, flush=True)
    finally:
        running.stop()
    return {
        "on": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "files": files,
        "bytes": size,
        "versions": {
            "obstore": version("obstore"),
            "rclone": _said([str(rclone), "version"]).split()[1],
            "aws-cli": _said([str(aws), "--version"]).split()[0].partition("/")[2],
            "python": platform.python_version(),
        },
        "commands": {
            OURS: "its defaults",
            "rclone copy": "its defaults",
            "rclone copy, tuned": "`--transfers 16 --checkers 16 --multi-thread-streams 16"
            " --multi-thread-cutoff 16M --multi-thread-chunk-size 8M`",
            "rclone copy, checksum": "the same, then `rclone checksum sha256` of what came, against a list",
            "aws s3 cp": "`--recursive`, its defaults",
        },
        "rounds": measured,
    }


def _tools(
    folder: Path, running: RunningStore, digest: str, rclone: Path, aws: Path
) -> Mapping[str, tuple[Sequence[str], Path]]:
    """Each tool's command, and where it runs. They fetch to `out`."""
    config = folder / "rclone.conf"
    config.write_text(
        f"[minio]\ntype = s3\nprovider = Minio\nendpoint = {running.endpoint}\naccess_key_id = {USER}\n"
        f"secret_access_key = {SECRET}\nregion = us-east-1\n"
    )
    source, out = f"models/vision/{digest}", str(folder / "out")
    copy = [str(rclone), "--config", str(config), "copy", f"minio:{source}", out]
    tuned = ["--transfers", "16", "--checkers", "16", "--multi-thread-streams", "16"]
    tuned += ["--multi-thread-cutoff", "16M", "--multi-thread-chunk-size", "8M"]
    ours = [str(PROJECT / ".venv" / "bin" / "tritonup"), "models", "pull", "vision", "-s", "bench"]
    checksum = [str(rclone), "--config", str(config), "--quiet", "checksum", "sha256", str(folder / SUMS), out]
    fetch = [str(aws), "s3", "cp", "--recursive", "--only-show-errors", f"s3://{source}", out]
    return {
        OURS: ([*ours, "--digest", digest, "--out", out], folder / "project"),
        "rclone copy": (copy, folder),
        "rclone copy, tuned": ([*copy, *tuned], folder),
        "rclone copy, checksum": (["sh", "-c", f"{shlex.join([*copy, *tuned])} && {shlex.join(checksum)}"], folder),
        "aws s3 cp": (["env", f"AWS_CONFIG_FILE={folder}/none", *fetch], folder),
    }


def _timed(tool: tuple[Sequence[str], Path], out: Path, size: int) -> float:
    command, at = tool
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    begun = time.perf_counter()
    subprocess.run(command, cwd=at, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    got = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path.suffix != ".json")
    assert got == size, f"{command[0]} fetched {got} of {size} bytes"
    return round(seconds, 3)


def _published(folder: Path, running: RunningStore) -> tuple[str, int, int]:
    """Files of noise, published as server `vision`; and a project with a stack `bench` that trusts their key."""
    found: list[ServedFile] = []
    for number, mib in enumerate(SIZES):
        source = folder / f"{number}.bin"
        noise = random.Random(number)
        content = b"".join(noise.randbytes(2**20) for _ in range(mib))
        source.write_bytes(content)
        path = PurePosixPath(f"model-{number:02}/1/model.onnx")
        sha256 = hashlib.sha256(content).hexdigest()
        found.append(ServedFile(source=source, path=path, size=len(content), sha256=sha256))
    (folder / SUMS).write_text("".join(f"{file.sha256}  {file.path}\n" for file in found))
    digest = content_digest((file.path.as_posix(), file.sha256) for file in found)
    size = sum(file.size for file in found)
    served = ServedSet(models=(), planned=(), files=tuple(found), digest=digest, total_bytes=size)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    key = read_signing_key(folder / "key.pem")
    trust = Trust(trusted={key.public.fingerprint: ("bench", key.public)}, revoked=frozenset())
    push(Store(running.url), "vision", served, key, trust)
    for file in found:
        assert isinstance(file.source, Path)
        file.source.unlink()
    _project(folder / "project", key.public.pem)
    return digest, len(found), size


def _project(folder: Path, public: str) -> None:
    """Stack `local` of this project, with the bucket and the key."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
    text = (PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    destination = "        kind: node-path\n        path: /var/lib/tritonup/models\n"
    assert destination in text
    bucket = "        kind: s3\n        bucket: models\n        region: us-east-1\n"
    signing = f"      signing:\n        trusted:\n          bench: |\n{textwrap.indent(public, ' ' * 12)}"
    (folder / "Pulumi.bench.yaml").write_text(text.replace(destination, bucket + signing))


def _aws() -> Path:
    """The AWS command line in an environment of its own: it pins versions that we have otherwise."""
    command = AWS / "bin" / "aws"
    if not command.exists():
        uv = shutil.which("uv") or str(PROJECT / ".tools" / "uv" / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", str(AWS)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(AWS / "bin" / "python"), "awscli"], check=True)
    return command


def _said(command: Sequence[str]) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return told.stdout + told.stderr


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()
