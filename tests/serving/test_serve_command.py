"""The command as a process: what it prints, how it ends, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_workplace import PROJECT, Workplace, eventually, own_ports
from small_models import doubling, sleeping

from local.ports import LOOPBACK
from local.sample import SAMPLE_FILE

ANSWERED = "doubling: twice 1 and 2 -> Y [1, 2]: 2, 4"


def with_sample(model: Path, shape: list[int]) -> Path:
    """Its sample expects an answer of `shape`."""
    request = {"inputs": [{"name": "X", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
    sample = {"show": "tensor", "caption": "twice 1 and 2", "request": request, "expect": {"shape": shape}}
    (model / SAMPLE_FILE).write_text(json.dumps(sample))
    return model


class Command:
    """The command, running. Its output goes to files, which can be read while it runs."""

    def __init__(self, workplace: Workplace, tmp_path: Path, models: list[Path], **options: object) -> None:
        self.workplace = workplace
        self.out, self.err = tmp_path / "out", tmp_path / "err"
        environment = {**os.environ, "TMPDIR": str(workplace.temporary), "PYTHONPATH": str(PROJECT), "NO_COLOR": "1"}
        arguments = [json.dumps({"first_port": own_ports(len(models))[0].http, **options}), *map(str, models)]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("serve_small.py")), *arguments],
                env=environment,
                stdout=out,
                stderr=err,
            )

    def wait(self) -> int:
        """Until it has ended; its exit code."""

        def ended() -> bool:
            self.workplace.look()
            return self.process.poll() is not None

        eventually(ended, "the command has ended")
        return self.process.wait()

    def told(self) -> str:
        return self.err.read_text()

    def until(self, text: str) -> None:
        eventually(lambda: text in self.told() or self.process.poll() is not None, text)
        self.workplace.look()
        assert text in self.told()


@pytest.fixture
def commands(workplace: Workplace) -> Iterator[list[Command]]:
    running: list[Command] = []
    yield running
    for command in running:
        command.process.kill()
        command.process.wait()
    eventually(lambda: workplace.left() == [], "nothing is left")


def test_once_asks_every_server_side_by_side_and_ends_well(
    workplace: Workplace, tmp_path: Path, commands: list[Command]
) -> None:
    models = [with_sample(doubling(tmp_path), [1, 2]), doubling(tmp_path, "without_sample")]
    command = Command(workplace, tmp_path, models, once=True, as_json=True)
    commands.append(command)
    assert command.wait() == 0, command.told()
    assert workplace.left() == []
    servers = json.loads(command.out.read_text())["servers"]
    assert [server["name"] for server in servers] == ["doubling", "without_sample"]
    assert [answer["answered"] for server in servers for answer in server["answers"]] == [
        "Y [1, 2]: 2, 4",
        "Y [1, 2]: 0, 0",
    ]
    ports = [port for server in servers for port in server["ports"].values()]
    assert len(set(ports)) == 6
    for server in servers:
        what = [adaptation["what"] for adaptation in server["adaptations"]]
        assert "without --of-a-newer-release=1" in what
        assert any(text.startswith(f"listens on {LOOPBACK} only") for text in what)


def test_an_unexpected_answer_is_an_error_of_the_command(
    workplace: Workplace, tmp_path: Path, commands: list[Command]
) -> None:
    command = Command(workplace, tmp_path, [with_sample(doubling(tmp_path), [9, 9])], once=True, show_log=False)
    commands.append(command)
    assert command.wait() == 1
    assert command.out.read_text().startswith(ANSWERED)
    assert "doubling/doubling: shape of Y is [1, 2], expected [9, 9]" in command.told()


def test_ctrl_c_drains_as_the_pod_would(workplace: Workplace, tmp_path: Path, commands: list[Command]) -> None:
    command = Command(workplace, tmp_path, [with_sample(doubling(tmp_path), [1, 2])])
    commands.append(command)
    command.until("Ctrl-C")
    assert command.out.read_text().startswith(ANSWERED)
    assert "doubling | " in command.told()  # Triton's own log, with the server's name
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 0
    told = command.told()
    assert told.index("doubling: preStop") < told.index("doubling: SIGTERM") < told.index("doubling: ended")
    assert workplace.left() == []


def test_nothing_outlives_a_command_that_is_killed(
    workplace: Workplace, tmp_path: Path, commands: list[Command]
) -> None:
    command = Command(workplace, tmp_path, [doubling(tmp_path)])
    commands.append(command)
    command.until("Ctrl-C")
    assert workplace.processes() != []
    command.process.kill()
    eventually(lambda: workplace.left() == [], "the servers, their directories and their shared memory are gone")


def test_ctrl_c_while_loading_stops_at_once(workplace: Workplace, tmp_path: Path, commands: list[Command]) -> None:
    command = Command(workplace, tmp_path, [sleeping(tmp_path, at_start_s=600)])
    commands.append(command)
    command.until("sleeping/sleeping loading")
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 130
    assert "Stopped while loading" in command.told()
    assert workplace.left() == []
