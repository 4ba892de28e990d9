"""What is written with a unit means one amount, prints as it may be written, and is refused without one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from planning.settings.quantities import Cpu, Duration, Memory, NotOneError, Scalar
from planning.settings.scalars import CidrBlock, KubernetesVersion

SCALARS: tuple[type[Scalar], ...] = (Memory, Cpu, Duration)
every_scalar = pytest.mark.parametrize("kind", SCALARS, ids=lambda kind: kind.__name__)

ADAPTERS: dict[type[Scalar], TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in SCALARS}


def read(kind: type[Scalar], text: object) -> Any:
    return ADAPTERS[kind].validate_python(text)


def refusal(kind: type[Scalar], value: object) -> str | None:
    try:
        read(kind, value)
    except ValidationError as refused:
        return refused.errors()[0]["msg"]
    return None


@every_scalar
@given(data=st.data())
def test_what_is_printed_is_the_same_amount_when_it_is_read_again(kind: type[Scalar], data: st.DataObject) -> None:
    value = read(kind, data.draw(st.from_regex(kind.pattern, fullmatch=True)))
    assert read(kind, str(value)) == value
    assert re.fullmatch(kind.pattern, str(value))


@every_scalar
@given(data=st.data())
def test_greater_amounts_are_greater_however_they_are_written(kind: type[Scalar], data: st.DataObject) -> None:
    one, other = (read(kind, data.draw(st.from_regex(kind.pattern, fullmatch=True))) for _ in range(2))
    assert (one < other) + (one == other) + (one > other) == 1
    assert (one == other) == (str(one) == str(other))


@every_scalar
@given(value=st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none(), st.just([])))
def test_anything_else_is_refused_with_the_rule_and_an_example(kind: type[Scalar], value: object) -> None:
    if isinstance(value, str) and re.fullmatch(kind.pattern, value):
        return
    said = refusal(kind, value)
    assert said is not None
    assert kind.meaning in said
    assert kind.example in said


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (Memory, "4GB", ("4Gi", "4G")),
        (Memory, "512 mb", ("512Mi", "512M")),
        (Memory, "4GiB", ("4Gi",)),
        (Memory, 4, ("4Gi",)),
        (Memory, "much", ()),
        (Cpu, 0.5, ("500m",)),
        (Cpu, 2, ('"2"',)),
        (Cpu, "0", ()),
        (Duration, 20, ("20s",)),
        (Duration, "5 min", ("5m",)),
        (Duration, "90seconds", ("90s",)),
        (Duration, "soon", ()),
    ],
)
def test_what_may_be_meant_is_said(kind: type[Scalar], value: object, meant: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(kind, value)
    error = refused.value.errors()[0].get("ctx", {})["error"]
    assert isinstance(error, NotOneError)
    assert error.meant == meant


@every_scalar
@given(text=st.from_regex(r"[0-9]{1,8}(\.[0-9]{1,3})? ?[a-zA-Z]{0,3}", fullmatch=True))
def test_what_may_be_meant_would_be_accepted(kind: type[Scalar], text: str) -> None:
    for one in kind.meant(text):
        assert refusal(kind, one.strip('"')) is None


@every_scalar
def test_the_example_of_a_refusal_would_be_accepted(kind: type[Scalar]) -> None:
    for example in kind.example.replace('"', "").split(" or "):
        assert refusal(kind, example) is None


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Memory, ["1Gi", "1024Mi", "1048576Ki"]),
        (Memory, ["1G", "1000M", "1000000k"]),
        (Cpu, ["2", "2000m"]),
        (Duration, ["1h", "60m", "3600s", "3600000ms"]),
    ],
)
def test_units_mean_what_kubernetes_means_by_them(kind: type[Scalar], texts: list[str]) -> None:
    assert len({read(kind, text) for text in texts}) == 1


def test_a_memory_of_a_thousand_is_not_one_of_1024() -> None:
    assert Memory.parse("1k").bytes == 1000
    assert Memory.parse("1Ki").bytes == 1024
    assert Memory.parse("1G") < Memory.parse("1Gi")


@pytest.mark.parametrize("text", ["0", "0s", "-1s", "1 s", "1.5s", "20", "s", "1d", "1S", "", "٣s", "1s\n"])
def test_a_length_of_time_needs_a_whole_amount_above_0_and_a_unit(text: str) -> None:
    assert refusal(Duration, text) is not None


@pytest.mark.parametrize("text", ["8", "8GB", "8gi", "0Gi", "1.5Gi", "8 Gi"])
def test_an_amount_of_memory_needs_a_whole_amount_above_0_and_a_unit(text: str) -> None:
    assert refusal(Memory, text) is not None


@given(st.integers(1, 10**9))
def test_seconds_are_rounded_up_so_that_nothing_is_cut_short(millis: int) -> None:
    assert 0 <= Duration(millis).seconds * 1000 - millis < 1000


@given(st.floats(0.001, 2**40))
def test_mebibytes_are_rounded_up_so_that_what_is_asked_for_is_enough(count: float) -> None:
    assert count <= Memory.mebibytes(count).bytes / 2**20 < count + 1


@given(st.integers(0, 2**60))
def test_an_amount_for_people_is_within_a_twentieth_of_its_unit_and_a_byte(size: int) -> None:
    amount, unit = Memory(size).readable().split(" ")
    units = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    assert abs(float(amount) * units[unit] - size) <= units[unit] / 20 + 1


CIDR: TypeAdapter[str] = TypeAdapter(CidrBlock)


@given(st.ip_addresses(), st.data())
def test_a_network_is_taken_without_host_bits_and_refused_with_them(address: Any, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    text = f"{address}/{prefix}"
    hosts = int(address) & ((1 << (address.max_prefixlen - prefix)) - 1)
    if hosts:
        with pytest.raises(ValidationError, match="the network is"):
            CIDR.validate_python(text)
    else:
        assert CIDR.validate_python(text).endswith(f"/{prefix}")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0/8", "any", "", "10.0.0.0/8 "])
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"10\.0\.0\.0/16"):
        CIDR.validate_python(text)


@pytest.mark.parametrize(("version", "known"), [("1.29", False), ("1.30", True), ("1.35", True)])
def test_a_kubernetes_that_cannot_sleep_before_it_stops_a_pod_is_refused(version: str, known: bool) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(KubernetesVersion)
    if known:
        assert adapter.validate_python(version) == version
    else:
        with pytest.raises(ValidationError, match=r"older than 1\.30"):
            adapter.validate_python(version)
