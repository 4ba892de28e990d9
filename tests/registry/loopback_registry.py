"""A real OCI registry (Debian's docker-registry) on loopback, and images small enough to push in a test."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
FETCHED = ROOT / ".tools/docker-registry/usr/bin/docker-registry"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
START_SECONDS = 10


def registry_program() -> str | None:
    """The one that `make test` fetches, or one on the PATH."""
    return str(FETCHED) if FETCHED.is_file() else shutil.which("docker-registry")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class RunningRegistry:
    """`host` is address and port. Its API is spoken here directly, without the client under test."""

    host: str
    folder: Path
    process: subprocess.Popen[bytes]
    http: httpx.Client

    def push_image(self, repository: str, tag: str, platform: str, note: str) -> str:
        """An image without layers; its manifest's digest. Other repositories and notes give other bytes."""
        os, _, architecture = platform.partition("/")
        layers = {"type": "layers", "diff_ids": []}
        config = json.dumps(
            {"os": os, "architecture": architecture, "rootfs": layers, "note": [repository, note]}
        ).encode()
        self.push_blob(repository, config)
        descriptor = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": sha256(config),
            "size": len(config),
        }
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": []}
        return self.put_manifest(repository, tag, manifest)

    def push_index(self, repository: str, tag: str, platforms: Mapping[str, str]) -> str:
        """An index of manifests that are there already, with an attestation as BuildKit adds one."""
        entries = [self._entry(repository, digest, *platform.split("/")) for platform, digest in platforms.items()]
        attestation = self.push_image(repository, f"{tag}-attestation", "unknown/unknown", note=tag)
        entries.append(self._entry(repository, attestation, "unknown", "unknown"))
        return self.put_manifest(repository, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})

    def push_two_platforms(self, repository: str, tag: str, note: str) -> tuple[str, dict[str, str]]:
        """An index for amd64 and arm64: its digest, and each platform's."""
        platforms = {
            platform: self.push_image(repository, f"{tag}-{platform.split('/')[1]}", platform, note)
            for platform in ("linux/amd64", "linux/arm64")
        }
        return self.push_index(repository, tag, platforms), platforms

    def push_blob(self, repository: str, content: bytes) -> None:
        begun = self.http.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
        place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": sha256(content)})
        self.http.put(place, content=content).raise_for_status()

    def put_manifest(self, repository: str, tag: str, manifest: Mapping[str, object]) -> str:
        content = json.dumps(manifest).encode()
        media_type = str(manifest["mediaType"])
        self.http.put(
            f"/v2/{repository}/manifests/{tag}", content=content, headers={"Content-Type": media_type}
        ).raise_for_status()
        return sha256(content)

    def delete(self, repository: str, digest: str) -> None:
        self.http.delete(f"/v2/{repository}/manifests/{digest}").raise_for_status()

    def stored(self, digest: str) -> Path:
        """The file in which the registry keeps the bytes of `digest`."""
        value = digest.removeprefix("sha256:")
        return self.folder / f"docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def _entry(self, repository: str, digest: str, os: str, architecture: str) -> dict[str, object]:
        head = self.http.head(f"/v2/{repository}/manifests/{digest}", headers={"Accept": OCI_MANIFEST})
        size = int(head.raise_for_status().headers["Content-Length"])
        platform = {"os": os, "architecture": architecture}
        return {"mediaType": OCI_MANIFEST, "digest": digest, "size": size, "platform": platform}


def plain_client(host: str) -> httpx.Client:
    return httpx.Client(base_url=f"http://{host}", trust_env=False)


def start_registry(
    program: str,
    folder: Path,
    *,
    http: Mapping[str, object] | None = None,
    auth: Mapping[str, object] | None = None,
    connect: Callable[[str], httpx.Client] = plain_client,
) -> RunningRegistry:
    """Start a registry that keeps its content in `folder`; `http` and `auth` are parts of its configuration.

    `connect` makes the client with which these tests push, given address and port.
    """
    port = free_port()
    host = f"127.0.0.1:{port}"
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": host, **(http or {})},
        **({"auth": auth} if auth else {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "registry.yml", folder / "registry.log"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    with log.open("wb") as output:
        process = subprocess.Popen([program, "serve", str(file)], stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return RunningRegistry(host=host, folder=folder, process=process, http=connect(host))
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise RuntimeError(f"the registry did not start: {log.read_text()}")
