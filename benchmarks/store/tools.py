"""The tools that are measured: how each is called, and what it verifies."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.store.publication import SERVER, STACK, Publication, signing_file
from local.cluster.layout import PROJECT
from local.object_stores import SECRET, USER, RunningStore

OURS = "tritonup models pull"
IN_PODS = "models pull, as in pods"
OWN = "rclone copy, both ways"
RCLONE = "rclone copy"
TUNED = "rclone copy, tuned"
CHECKED = "rclone copy, checksum"
AWS = "aws s3 cp"

_TUNED = [
    *("--transfers", "16", "--checkers", "16", "--multi-thread-streams", "16"),
    *("--multi-thread-cutoff", "16M", "--multi-thread-chunk-size", "8M"),
]

ABOUT = {
    OURS: "the command, its defaults. Verifies the signature before it fetches, and each file's SHA-256 while it"
    " comes; the directory gets its name when all is right.",
    IN_PODS: "the program that pods fetch with (`python -m programs models pull`), its defaults. The same work.",
    OWN: "`rclone copy` up and `rclone copy` down, its defaults. Compares the MD5 of every file: it stores one with"
    " what it uploads in parts, and reads again what it fetched of that.",
    RCLONE: "`rclone copy`, its defaults, of what TritonUp pushed, as the rows after it. Compares the MD5 that the"
    " store says; it says none of files that were uploaded in parts, which are those of more than 16 MiB here.",
    TUNED: f"`{shlex.join(_TUNED)}`. Compares the same.",
    CHECKED: "the same, then `rclone checksum sha256` of what came, against a list: it reads every file again. Whose"
    " list that is, nothing says.",
    AWS: "`--recursive`, its defaults. Compares the checksums that were uploaded with the objects where a whole object"
    " comes in one answer.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """`out` is where all of them fetch to."""

    folder: Path
    out: Path
    running: RunningStore
    region: str
    rclone: Path
    aws: Path

    def command(self, tool: str, wanted: Publication) -> tuple[Sequence[str], Path]:
        """What is run, and where."""
        source, out = f"models/{SERVER}/{wanted.digest}", str(self.out)
        rclone = [str(self.rclone), "--config", str(self._config())]
        copy = [*rclone, "copy", f"minio:{source}", out]
        named = ["models", "pull", SERVER, "--digest", wanted.digest, "--out", out]
        match tool:
            case _ if tool == OURS:
                return [str(PROJECT / ".venv" / "bin" / "tritonup"), *named, "-s", STACK], self.folder / "project"
            case _ if tool == IN_PODS:
                store = ["--store", self.running.url, "--endpoint", self.running.endpoint, "--region", self.region]
                told = ["--signing", str(signing_file(self.folder)), "--bytes", str(wanted.bytes)]
                return [sys.executable, "-m", "programs", *named, *store, *told], self.folder
            case _ if tool == OWN:
                return [*rclone, "copy", self._own(wanted), out], self.folder
            case _ if tool == RCLONE:
                return copy, self.folder
            case _ if tool == TUNED:
                return [*copy, *_TUNED], self.folder
            case _ if tool == CHECKED:
                checksum = [*rclone, "--quiet", "checksum", "sha256", str(wanted.sums), out]
                both = f"{shlex.join([*copy, *_TUNED])} && {shlex.join(checksum)}"
                return ["sh", "-c", both], self.folder
            case _:
                fetch = [str(self.aws), "s3", "cp", "--recursive", "--only-show-errors", f"s3://{source}", out]
                return ["env", f"AWS_CONFIG_FILE={self.folder}/none", *fetch], self.folder

    def upload(self, wanted: Publication) -> None:
        """What is published once more, as rclone would have it there."""
        rclone, own = [str(self.rclone), "--config", str(self._config()), "copy"], str(self.folder / "own")
        subprocess.run([*rclone, f"minio:models/{SERVER}/{wanted.digest}", own], check=True)
        subprocess.run([*rclone, own, self._own(wanted)], check=True)
        shutil.rmtree(own)

    def versions(self) -> dict[str, str]:
        return {
            "obstore": version("obstore"),
            "rclone": _said([str(self.rclone), "version"]).split()[1],
            "aws-cli": _said([str(self.aws), "--version"]).split()[0].partition("/")[2],
        }

    def _own(self, wanted: Publication) -> str:
        return f"minio:models/rclone/{wanted.digest}"

    def _config(self) -> Path:
        config = self.folder / "rclone.conf"
        config.write_text(
            f"[minio]\ntype = s3\nprovider = Minio\nendpoint = {self.running.endpoint}\naccess_key_id = {USER}\n"
            f"secret_access_key = {SECRET}\nregion = {self.region}\n",
            encoding="utf-8",
        )
        return config


def aws_command() -> Path:
    """The AWS command line in an environment of its own: it pins versions that we have otherwise."""
    folder = PROJECT / ".tools" / "awscli"
    command = folder / "bin" / "aws"
    if not command.exists():
        uv = shutil.which("uv") or str(PROJECT / ".tools" / "uv" / "bin" / "uv")
        python = str(folder / "bin" / "python")
        subprocess.run([uv, "venv", "--quiet", str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "awscli"], check=True)
    return command


def _said(command: Sequence[str]) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return told.stdout + told.stderr
