"""The definitions that `controllers.<name>: install` brings, out of their controllers' own modules (`make crds`).

Each is kept whole but for its form: JSON, which is read a hundred times faster than YAML. tools/crds/go.mod pins the
modules. Nothing else writes components/controllers/crds/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import yaml

import components.controllers.crds as kept
from local.cluster.definitions import EC2_NODE_CLASS, NODE_CLAIM, NODE_POOL, Definition, definition_file
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT

SHIPPED = (NODE_POOL, NODE_CLAIM, EC2_NODE_CLASS)

FOLDER = Path(str(kept.__file__)).parent


class Told:
    def step(self, doing: str) -> AbstractContextManager[object]:
        print(doing, file=sys.stderr)
        return nullcontext()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


def upstreams(definition: Definition) -> Mapping[str, Any]:  # whatever a definition has
    """The definition as its module has it. ClusterError where the module cannot be had."""
    return yaml.safe_load(definition_file(definition, LAYOUT, Told()).read_text(encoding="utf-8"))


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
