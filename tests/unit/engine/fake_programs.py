"""Stand-ins for `pulumi` and `kubectl` that write down how they were called and answer as they were told."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PULUMI = """\
import json, os, signal, sys, time
from pathlib import Path

folder = Path(__file__).parent
calls = folder / "calls.jsonl"
arguments = sys.argv[1:]
kubeconfig = Path(next(a for a in arguments if a.startswith("--cwd=")).removeprefix("--cwd=")).parent / "kubeconfig"
call = {
    "arguments": arguments,
    "environment": dict(os.environ),
    "kubeconfig": kubeconfig.read_text(),
    "kubeconfig_mode": kubeconfig.stat().st_mode & 0o777,
    "passphrase": Path(os.environ["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text(),
    "signals": [],
}
told = json.loads((folder / "told.json").read_text()).get(arguments[0], {})


def write():
    with calls.open("a") as file:
        file.write(json.dumps(call) + "\\n")


if told.get("waits"):
    def cancelled(number, _frame):
        call["signals"].append(number)
    signal.signal(signal.SIGINT, cancelled)
    signal.signal(signal.SIGTERM, cancelled)
    (folder / "waiting").touch()
    while not call["signals"]:
        time.sleep(0.01)
    time.sleep(0.2)  # a further signal would come now
for line in told.get("lines", []):
    print(line, flush=True)
print(told.get("complaint", ""), file=sys.stderr)
write()
sys.exit(told.get("code", 0))
"""

KUBECTL = """\
import json, sys
from pathlib import Path

told = json.loads((Path(__file__).parent / "told.json").read_text())
for answer in told:
    if answer["word"] in " ".join(sys.argv[1:]):
        print(answer.get("stdout", ""))
        print(answer.get("stderr", ""), file=sys.stderr)
        sys.exit(answer.get("code", 0))
sys.exit(f"not told what to answer to {sys.argv[1:]}")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakePulumi:
    """`folder` is its place on the PATH."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "pulumi"

    def tell(self, **commands: Mapping[str, Any]) -> None:
        """`lines` for standard output, `complaint` for standard error, `code`, and whether it `waits` for a signal, for
        each command."""
        (self.folder / "told.json").write_text(json.dumps(commands), encoding="utf-8")

    def calls(self) -> Sequence[Mapping[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]


def fake_pulumi(folder: Path) -> FakePulumi:
    folder.mkdir()
    _program(folder / "pulumi", PULUMI)
    fake = FakePulumi(folder=folder)
    fake.tell()
    return fake


def fake_kubectl(folder: Path, answers: Sequence[Mapping[str, Any]]) -> Path:
    """Each answer is for a command that holds its `word`; the first that fits is given."""
    folder.mkdir()
    _program(folder / "kubectl", KUBECTL)
    (folder / "told.json").write_text(json.dumps(answers), encoding="utf-8")
    return folder / "kubectl"


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)
