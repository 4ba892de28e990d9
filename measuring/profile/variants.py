"""A model with another config, served by a Triton of its own on this machine, as the stack's Deployment says."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local.container import read_container
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.ports import LOOPBACK, free_ports
from local.staging import cannot_write
from local.triton import RunningTriton, prepare
from measuring.profile.server import RunningServer
from planning.repository.model import CONFIG_FILE

POLL_S = 0.05

BUSY = "boost::interprocess::lock_exception"
"""With which the Python backend of 24.10 ends its server now and then while it loads, on a machine that is busy."""

STARTS = 3


@contextmanager
def served(
    model: Path, config: str, deployment: Mapping[str, object], installed: InstalledTriton
) -> Generator[RunningServer]:
    """The model of directory `model` with the text `config` in the place of its config.pbtxt, ready to be asked; ended
    with the context. Raises CannotServeError."""
    with _variant(model, config) as directory:
        running, target = _started(directory, deployment, installed)
        try:
            yield RunningServer(target)
        finally:
            running.stop()


def _started(
    model: Path, deployment: Mapping[str, object], installed: InstalledTriton, starts: int = STARTS
) -> tuple[RunningTriton, str]:
    """A Triton that is ready, and its `host:port`."""
    ports = free_ports()
    container = read_container(deployment)
    # The pod's start-up probe asks for the last of its models; here this one is all that there is.
    container = replace(container, startup=replace(container.startup, path=container.readiness.path))
    prepared = prepare(
        model.name, container, (model,), installed=installed, ports=ports, known_flags=installed.known_flags()
    )
    running = RunningTriton(prepared, _unheard)
    try:
        while not running.ready():
            time.sleep(POLL_S)
    except BaseException as error:
        running.stop()
        if isinstance(error, CannotServeError) and starts > 1 and BUSY in str(error):
            return _started(model, deployment, installed, starts - 1)
        raise
    return running, f"{LOOPBACK}:{ports.http}"


@contextmanager
def _variant(model: Path, config: str) -> Generator[Path]:
    """A directory of the model's name with links to its files, but for the config."""
    folder: str | None = None
    try:
        try:
            folder = tempfile.mkdtemp(prefix="tritonup-profile-")
            directory = Path(folder) / model.name
            shutil.copytree(
                model.resolve(), directory, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__")
            )
            (directory / CONFIG_FILE).unlink(missing_ok=True)
            (directory / CONFIG_FILE).write_text(config, encoding="utf-8")
        except OSError as error:
            raise CannotServeError(cannot_write(model.name, error)) from error
        yield directory
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _unheard(line: str) -> None:
    """What the log says of a failure, RunningTriton keeps itself."""
