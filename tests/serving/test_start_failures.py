"""A server that cannot start says why in one message, and leaves nothing half-started behind."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
from rendered_deployment import deployment
from serving_workplace import Workplace, eventually, own_ports
from small_models import doubling, sleeping

from local.errors import CannotServeError
from local.installed import RELEASE
from local.ports import Ports
from planning.catalogue.flags import known_flags


def test_a_busy_port_is_named_with_the_process_that_has_it(workplace: Workplace, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        (free,) = own_ports()
        taken = listener.getsockname()[1]
        with pytest.raises(CannotServeError) as refused:
            workplace.start([doubling(tmp_path)], ports=Ports(http=free.http, grpc=taken, metrics=free.metrics))
    assert f"port {taken} (grpc)" in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert workplace.left() == []


def test_a_port_that_is_taken_at_the_last_moment_is_still_told(workplace: Workplace, tmp_path: Path) -> None:
    (ports,) = own_ports()
    triton = workplace.start([doubling(tmp_path)], ports=ports)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports.grpc))
        listener.listen()
        with pytest.raises(CannotServeError, match=re.escape(str(ports.grpc))):
            eventually(triton.ready, "Triton finds its port taken")
    assert workplace.left() == []


def test_a_model_that_does_not_load_is_named_with_its_own_error(workplace: Workplace, tmp_path: Path) -> None:
    broken, unreadable = doubling(tmp_path, "broken"), doubling(tmp_path, "unreadable")
    (broken / "1" / "model.onnx").write_bytes(b"this is no graph")
    (unreadable / "config.pbtxt").write_text('platfrm: "onnxruntime_onnx"')
    triton = workplace.start([doubling(tmp_path), broken, unreadable])
    with pytest.raises(CannotServeError) as refused:
        eventually(triton.ready, "Triton gives up")
    message = str(refused.value)
    assert message.startswith("Server 'text' ended while it was loading (exit code 1).\n")
    assert "\nbroken: Internal: " in message
    assert 'no field named "platfrm"' in message
    assert "\ndoubling:" not in message
    assert workplace.left() == []


def test_a_start_that_outlasts_the_probes_budget_is_given_up(workplace: Workplace, tmp_path: Path) -> None:
    triton = workplace.start([sleeping(tmp_path, at_start_s=600)], deployment(startup_failures=4))
    with pytest.raises(CannotServeError, match=r"not ready within 4 s.*\n?.*Still loading: sleeping"):
        eventually(triton.ready, "the budget is spent")
    triton.stop()
    assert workplace.left() == []


def test_a_server_that_dies_after_it_was_ready_is_told_apart(workplace: Workplace, tmp_path: Path) -> None:
    triton = workplace.start_ready([doubling(tmp_path)])
    os.kill(triton.keeper_pid, 9)
    eventually(lambda: triton.ended() is not None, "it is noticed")
    with pytest.raises(CannotServeError, match="ended after it was ready"):
        triton.ready()
    eventually(lambda: workplace.left() == [], "the server has died with its keeper")


def test_the_catalogue_knows_what_this_release_accepts(workplace: Workplace) -> None:
    assert known_flags(RELEASE) - workplace.installed.known_flags() == set()
