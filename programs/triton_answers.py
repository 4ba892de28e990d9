"""Asking a Triton by HTTP with the standard library alone, and reading numbers from its answers.

The protocol is KServe's, version 2, with Triton's binary tensors (server, docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from random import Random
from typing import Any

CHUNK = 2**15
"""Numbers that are Python's own at a time: an answer may have millions."""

ASK_S = 600

_FORMATS = {
    "FP32": "f",
    "FP16": "e",
    "INT8": "b",
    "UINT8": "B",
    "INT32": "i",
    "INT64": "q",
    "BOOL": "?",
}
_BF16 = "BF16"
TYPES = (*_FORMATS, _BF16)
"""What an engine takes and gives."""


class AnswerError(Exception):
    """Triton does not answer, or not with what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A tensor as it travels."""

    name: str
    data_type: str
    shape: tuple[int, ...]
    content: bytes

    def numbers(self) -> Iterator[float]:
        if self.data_type == _BF16:
            for (upper,) in struct.iter_unpack("<H", self.content):
                yield struct.unpack("<f", struct.pack("<I", upper << 16))[0]
            return
        for (number,) in struct.iter_unpack(f"<{_FORMATS[self.data_type]}", self.content):
            yield number


def drawn(name: str, data_type: str, shape: Sequence[int], random: Random) -> Given:
    """Floating-point numbers from 0 to 1, integers and truth values 0 or 1: an index into any table, and a mask."""
    count = prod(shape)
    pieces: list[bytes] = []
    for start in range(0, count, CHUNK):
        few = min(CHUNK, count - start)
        if data_type in ("FP32", "FP16"):
            pieces.append(struct.pack(f"<{few}{_FORMATS[data_type]}", *(random.random() for _ in range(few))))
        elif data_type == _BF16:
            whole = struct.pack(f"<{few}f", *(random.random() for _ in range(few)))
            pieces.append(b"".join(whole[at + 2 : at + 4] for at in range(0, len(whole), 4)))
        else:
            pieces.append(struct.pack(f"<{few}{_FORMATS[data_type]}", *(random.getrandbits(1) for _ in range(few))))
    return Given(name=name, data_type=data_type, shape=tuple(shape), content=b"".join(pieces))


def states(server: str) -> Mapping[str, tuple[str, str]]:
    """Each model that the server has found: its state and, where it could not be loaded, why."""
    answer, _ = _post(f"{server}/v2/repository/index", b"{}", {})
    return {one["name"]: (one.get("state", ""), one.get("reason", "")) for one in json.loads(answer)}


def ask(server: str, model: str, inputs: Sequence[Given], outputs: Sequence[str]) -> Mapping[str, Given]:
    """The answer of `model`, by the name of each output."""
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": one.name,
                    "datatype": one.data_type,
                    "shape": list(one.shape),
                    "parameters": {"binary_data_size": len(one.content)},
                }
                for one in inputs
            ],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
        }
    ).encode()
    body = head + b"".join(one.content for one in inputs)
    answer, length = _post(
        f"{server}/v2/models/{model}/infer", body, {"Inference-Header-Content-Length": str(len(head))}
    )
    told: Mapping[str, Any] = json.loads(answer[:length])
    found: dict[str, Given] = {}
    at = length
    for one in told["outputs"]:
        size = one["parameters"]["binary_data_size"]
        found[one["name"]] = Given(
            name=one["name"],
            data_type=one["datatype"],
            shape=tuple(one["shape"]),
            content=answer[at : at + size],
        )
        at += size
    return found


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, int]:
    """What comes back, and how long its JSON is."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream", **headers})  # noqa: S310 - the pod's own server
    try:
        with _DIRECT.open(request, timeout=ASK_S) as answer:
            content = answer.read()
            return content, int(answer.headers.get("Inference-Header-Content-Length") or len(content))
    except urllib.error.HTTPError as refused:
        raise AnswerError(refused.read(2000).decode(errors="replace")) from None
    except OSError as refused:
        raise AnswerError(f"{url}: {refused}") from None


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The server is in the same pod: no proxy of the environment is asked."""
