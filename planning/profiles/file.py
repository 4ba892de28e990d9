"""`profile.<hardware>.json` beside a model: what `tritonup profile` measured, for planning to read.

Times are seconds. The file is of one model's bytes, one kind of hardware and one release: planning compares all three
with what it plans, and says where they differ.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from planning.findings import dotted
from planning.profiles.service import Batching, Curve, Service
from planning.settings.base import Strict
from planning.settings.scalars import ModelName, TritonReleaseName

FORMAT = "tritonup.profile/1"

PREFIX, SUFFIX = "profile.", ".json"

CPU = "cpu"
"""What a file is named by that was measured on a processor; others by the GPU's kind."""

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class NotAProfileError(ValueError):
    """Why a text is no profile: field, value, rule."""


class Processor(Strict):
    """`name` as the machine gives it, with the cores that the server may use."""

    kind: Literal["cpu"]
    name: str
    cores: Annotated[int, Field(ge=1)]


class Gpu(Strict):
    """`gpu` as the catalogue names it."""

    kind: Literal["gpu"]
    gpu: str


Hardware = Annotated[Processor | Gpu, Field(discriminator="kind")]


class Server(Strict):
    """`version` is what the server says of itself; `release` NVIDIA's name of it, where the catalogue knows it."""

    version: str
    release: TritonReleaseName | None


class CurvePoint(Strict):
    batch: Annotated[int, Field(ge=1)]
    seconds: Positive
    executions: Annotated[int, Field(ge=1)]
    held_out: bool


class LatencyPoint(Strict):
    """One load. `load` is the rate's share of saturation. `measured` leaves out what interrupted the machine for a part
    of it, `interrupted` is of all requests (None where a file was written before it was noted); `predicted` is the
    simulation's figure for the same arrivals, to be held beside `measured`."""

    rate: Positive
    load: Positive
    requests: Annotated[int, Field(ge=1)]
    measured: Positive
    interrupted: Positive | None = None
    predicted: Positive
    held_out: bool


class Measured(Strict):
    """The service of one number of instances. Errors are shares of what was measured, of held-out points alone; None
    where none was comparable."""

    instances: Annotated[int, Field(ge=1)]
    a: NotNegative
    b: NotNegative
    a_error: NotNegative
    b_error: NotNegative
    door: NotNegative
    outside: NotNegative
    noise: Annotated[list[float], Field(min_length=1)]
    noise_in_service: Annotated[float, Field(ge=0, le=1)]
    saturation: Positive
    """Requests a second that it answered while more were waiting."""
    curve: list[CurvePoint]
    curve_error: float | None
    latency: list[LatencyPoint]
    latency_error: float | None

    @property
    def service(self) -> Service:
        return Service(
            curve=Curve(a=self.a, b=self.b, a_error=self.a_error, b_error=self.b_error),
            door=self.door,
            outside=self.outside,
            noise=tuple(self.noise),
            noise_in_service=self.noise_in_service,
        )


class Setting(Strict):
    """A config's batching, with what it was predicted to answer as promised."""

    instances: Annotated[int, Field(ge=1)]
    greatest: Annotated[int, Field(ge=1)]
    delay: NotNegative
    prefetches: bool
    rate: NotNegative
    tail: float | None

    @property
    def batching(self) -> Batching:
        return Batching(instances=self.instances, greatest=self.greatest, delay=self.delay, prefetches=self.prefetches)


class Advice(Strict):
    """For a promise: `percentile` of 100 requests within so many seconds."""

    within: Positive
    percentile: Annotated[float, Field(gt=0, lt=100)]
    now: Setting
    best: Setting


class Profile(Strict):
    """`digest` is of the model's served version files, so that a changed config does not outdate what was measured of
    the bytes; what `measured` was run with is in `advice.now`. `together`: a batch was one request of many rows,
    because the config has no dynamic batching to join requests."""

    format: Literal["tritonup.profile/1"]
    model: ModelName
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    measured_on: Annotated[date, Field(strict=False)]
    hardware: Hardware
    server: Server
    together: bool
    measured: Annotated[list[Measured], Field(min_length=1)]
    advice: Advice

    @property
    def filename(self) -> str:
        return filename(self.hardware)

    def of(self, instances: int) -> Measured | None:
        return next((one for one in self.measured if one.instances == instances), None)


def filename(hardware: Processor | Gpu) -> str:
    return f"{PREFIX}{hardware.gpu if isinstance(hardware, Gpu) else CPU}{SUFFIX}"


def read_profile(text: str | bytes) -> Profile:
    """The profile that `text` is, or NotAProfileError naming every field that is wrong."""
    try:
        return Profile.model_validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(f"{dotted(one['loc']) or 'the file'}: {one['msg']}" for one in error.errors())
        raise NotAProfileError(wrong) from None


def written(profile: Profile) -> str:
    return profile.model_dump_json(indent=1) + "\n"


def is_profile(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith(SUFFIX)
