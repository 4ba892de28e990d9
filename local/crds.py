"""The definitions that `controllers.<name>: install` brings, out of their controllers' own modules (`make crds`).

Each is kept whole but for its form, JSON, which is read a hundred times faster than YAML; those of the Prometheus
operator without what they say of each field, as its own releases have them a second time (prometheus-operator v0.93.0,
Makefile, `stripped-down-crds.yaml`): a third of the size. tools/crds/go.mod pins the modules. Nothing else writes
components/controllers/crds/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import yaml

import components.controllers.crds as kept
from local.cluster.definitions import (
    EC2_NODE_CLASS,
    NODE_CLAIM,
    NODE_POOL,
    OF_PROMETHEUS,
    Definition,
    definition_file,
)
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT

SHIPPED = (NODE_POOL, NODE_CLAIM, EC2_NODE_CLASS, *OF_PROMETHEUS)

FOLDER = Path(str(kept.__file__)).parent


class Told:
    def step(self, doing: str) -> AbstractContextManager[object]:
        print(doing, file=sys.stderr)
        return nullcontext()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


def upstreams(definition: Definition) -> Mapping[str, Any]:  # whatever a definition has
    """The definition as its module has it, as far as it is kept. ClusterError where the module cannot be had."""
    text = definition_file(definition, LAYOUT, Told()).read_text(encoding="utf-8")
    whole = yaml.load(text, Loader=yaml.CSafeLoader)
    return _undescribed(whole) if definition in OF_PROMETHEUS else whole


def _undescribed(node: Any) -> Any:  # whatever a definition has
    """Without the texts that describe fields. A field may be called `description`: that is no text."""
    if isinstance(node, dict):
        fields = cast("dict[str, Any]", node)
        return {
            name: _undescribed(value)
            for name, value in fields.items()
            if not (name == "description" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_undescribed(item) for item in cast("list[Any]", node)]
    return node


def text_of(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    try:
        texts = {definition.name: text_of(upstreams(definition)) for definition in SHIPPED}
    except ClusterError as refused:
        print(refused, file=sys.stderr)
        return 1
    for name, text in texts.items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{len(texts)} definitions in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
