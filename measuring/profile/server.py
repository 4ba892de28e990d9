"""What a running Triton says of itself and of one model, over HTTP: metadata, configuration, statistics.

The statistics are Triton's extension of the KServe v2 protocol (server, docs/protocol/extension_statistics.md). Its
`batch_stats` give, for each batch size that was executed, the number of executions and the time spent on inputs,
inference and outputs: the service times themselves, without queue, network or client.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.errors import CannotServeError

TIMEOUT_S = 10.0


class _Answer(BaseModel):
    """Of the server: what is not read here is passed over."""

    model_config = ConfigDict(frozen=True)


T = TypeVar("T", bound=_Answer)


class ServerSaid(_Answer):
    name: str
    version: str


class _TensorSaid(_Answer):
    name: str
    data_type: str
    dims: list[int]


class _GroupSaid(_Answer):
    kind: str = "KIND_AUTO"
    count: int = 1
    gpus: list[int] = []


class _QueuePolicySaid(_Answer):
    default_timeout_microseconds: int = 0
    allow_timeout_override: bool = False
    max_queue_size: int = 0


class _BatchingSaid(_Answer):
    preferred_batch_size: list[int] = []
    max_queue_delay_microseconds: int = 0
    priority_levels: int = 0
    default_queue_policy: _QueuePolicySaid = _QueuePolicySaid()
    priority_queue_policy: Mapping[str, _QueuePolicySaid] = {}


class ConfigSaid(_Answer):
    """The configuration that the model runs with, what Triton completed included."""

    name: str
    platform: str = ""
    backend: str = ""
    max_batch_size: int = 0
    input: list[_TensorSaid] = []
    instance_group: list[_GroupSaid] = []
    dynamic_batching: _BatchingSaid | None = None
    sequence_batching: Mapping[str, Any] | None = None  # whether it is there is all that is asked
    ensemble_scheduling: Mapping[str, Any] | None = None
    model_transaction_policy: Mapping[str, bool] = {}

    @property
    def instances(self) -> int:
        """Over all its GPUs; a group on GPUs has `count` on each."""
        return sum(group.count * max(1, len(group.gpus)) for group in self.instance_group) or 1

    @property
    def on_gpu(self) -> bool:
        return any(group.kind == "KIND_GPU" for group in self.instance_group)

    @property
    def limits_its_queue(self) -> bool:
        """Whether anything turns the batcher's prefetching off (core, scheduler_utils.cc, PriorityQueue)."""
        batching = self.dynamic_batching
        if batching is None:
            return False
        policies = [batching.default_queue_policy, *batching.priority_queue_policy.values()]
        return batching.priority_levels > 0 or any(
            policy.max_queue_size or policy.default_timeout_microseconds or policy.allow_timeout_override
            for policy in policies
        )


class _Duration(_Answer):
    count: int = 0
    ns: int = 0


class _BatchSaid(_Answer):
    batch_size: int
    compute_input: _Duration
    compute_infer: _Duration
    compute_output: _Duration


class _InferenceSaid(_Answer):
    success: _Duration = _Duration()
    queue: _Duration = _Duration()


class _ModelSaid(_Answer):
    inference_stats: _InferenceSaid = _InferenceSaid()
    batch_stats: list[_BatchSaid] = []


class _StatisticsSaid(_Answer):
    model_stats: list[_ModelSaid] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Since the model was loaded. `batches`: by batch size, executions and their seconds; `waited`: seconds in the
    queue of all `requests` together."""

    batches: Mapping[int, tuple[int, float]]
    requests: int
    waited: float

    def since(self, before: Statistics) -> Statistics:
        """What was added after `before`."""
        added = {
            size: (count - before.batches.get(size, (0, 0.0))[0], spent - before.batches.get(size, (0, 0.0))[1])
            for size, (count, spent) in self.batches.items()
        }
        return Statistics(
            batches={size: one for size, one in added.items() if one[0] > 0},
            requests=self.requests - before.requests,
            waited=self.waited - before.waited,
        )


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A Triton at `target` (`host:port` of its HTTP service). Every method raises CannotServeError."""

    target: str

    def said(self) -> ServerSaid:
        return _read(ServerSaid, self._get("/v2"), "its metadata")

    def config(self, model: str) -> ConfigSaid:
        status, body = self._ask(f"/v2/models/{model}/config")
        if status != 200:
            raise CannotServeError(
                f"{self.target} does not serve model {model!r} ({_error(body)}). It serves: {self._models() or 'none'}."
            )
        return _read(ConfigSaid, body, f"the configuration of {model!r}")

    def statistics(self, model: str) -> Statistics:
        said = _read(_StatisticsSaid, self._get(f"/v2/models/{model}/stats"), f"the statistics of {model!r}")
        every = said.model_stats[-1]  # one version is served, or the newest is asked
        return Statistics(
            batches={
                one.batch_size: (
                    one.compute_infer.count,
                    (one.compute_input.ns + one.compute_infer.ns + one.compute_output.ns) / 1e9,
                )
                for one in every.batch_stats
            },
            requests=every.inference_stats.success.count,
            waited=every.inference_stats.queue.ns / 1e9,
        )

    def _models(self) -> str:
        status, body = self._ask("/v2/repository/index", "POST")
        try:
            return ", ".join(sorted({one["name"] for one in json.loads(body)})) if status == 200 else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def _get(self, path: str) -> bytes:
        status, body = self._ask(path)
        if status != 200:
            raise CannotServeError(f"{self.target} answers {status} to {path}: {_error(body)}. Is it a Triton?")
        return body

    def _ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=TIMEOUT_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CannotServeError(
                f"No Triton answers at {self.target} ({error or type(error).__name__}). Start one (`make serve`), or"
                " name its HTTP port with --target host:port."
            ) from error
        finally:
            connection.close()


def _error(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:80].decode(errors="replace") or "no text"


def _read(kind: type[T], body: bytes, what: str) -> T:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise CannotServeError(f"The server's answer about {what} cannot be read: {wrong}.") from None
