"""What must hold of the whole catalogue, whatever is added to it."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from planning.catalogue import CATALOGUE
from planning.catalogue.flags import FLAGS
from planning.catalogue.prices import PRICE_SOURCES

ROOTS = (*CATALOGUE.gpus.values(), *CATALOGUE.machines, *CATALOGUE.releases.values(), *CATALOGUE.clouds.values())
PUBLIC_PLACE = re.compile(
    r"[a-z0-9-]+(\.[a-z0-9-]+)+/\S+"  # a page
    r"|[\w-]+/[\w.-]+ ([0-9a-f]{7}|r\d\d\.\d\d)"  # a repository at a commit or release
    r"|\d{4}-\d\d-\d\d by [\w-]+/[\w.-]+"  # a measurement that a repository publishes
    r"|\bv\d+\.\d+\.\d+\b"  # a tag of Triton's own repository
    r"|nvidia-smi|nvidia\.com/gpu\.product"  # what a machine said of itself
)


def _with_source(value: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(value):
        if hasattr(value, "source"):
            yield value
        for field in dataclasses.fields(value):
            yield from _with_source(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, Any]", value).values():
            yield from _with_source(item)
    elif isinstance(value, tuple):
        for item in cast("tuple[Any, ...]", value):
            yield from _with_source(item)


def test_every_entry_says_where_its_figures_were_read() -> None:
    entries = [entry for root in (*ROOTS, *FLAGS.values()) for entry in _with_source(root)]
    assert len(entries) > len(ROOTS)
    assert [entry for entry in entries if not PUBLIC_PLACE.search(entry.source)] == []
    assert all(PUBLIC_PLACE.search(source) for source in PRICE_SOURCES.values())


def test_no_entry_can_be_changed_by_a_reader() -> None:
    for root in ROOTS:
        assert root.__dataclass_params__.frozen  # type: ignore[attr-defined]
    for mapping in (CATALOGUE.gpus, CATALOGUE.releases, CATALOGUE.clouds, FLAGS):
        assert not hasattr(mapping, "__setitem__")


def test_importing_it_reads_no_price_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, planning.catalogue as c\n"
        "from planning.catalogue import prices\n"
        "heavy = {'pulumi', 'pydantic', 'numpy', 'onnx', 'google'} & set(sys.modules)\n"
        "print(sorted(heavy), prices._by_machine.cache_info().currsize)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["[]", "0"]


def test_a_name_that_nobody_knows_is_none_and_no_error() -> None:
    assert CATALOGUE.gpu("nvidia-l5") is None
    assert CATALOGUE.release("26.13") is None
    assert CATALOGUE.machine("gke", "g5.xlarge", "nvidia-a10g", 1) is None
    assert CATALOGUE.machines_with("gke", "nvidia-a10g", 1, "on-demand") == ()


def test_every_kind_looks_itself_up() -> None:
    assert [CATALOGUE.gpu(kind) for kind in CATALOGUE.gpus] == list(CATALOGUE.gpus.values())
