"""What of the cluster is there: written before it is made, so that whatever was interrupted can be removed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cluster.layout import Layout
from local.cluster.nodes import Node, Taint
from local.cluster.processes import ProcessId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNode:
    """`process` is the first process of its namespaces; `key` says what it was started with."""

    node: Node
    process: ProcessId
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`made_folders` were made as mount points, and go with the cluster where they are empty; `models` are the folders
    of served models that were brought to the nodes."""

    nodes: tuple[RunningNode, ...] = ()
    made_folders: tuple[Path, ...] = ()
    models: tuple[Path, ...] = ()

    def node(self, name: str) -> RunningNode | None:
        return next((running for running in self.nodes if running.node.name == name), None)


def read_record(layout: Layout) -> Record:
    """The record, empty where there is none."""
    try:
        read: Mapping[str, Any] = json.loads(layout.record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Record()
    return Record(
        nodes=tuple(_running(entry) for entry in read["nodes"]),
        made_folders=tuple(Path(path) for path in read["made_folders"]),
        models=tuple(Path(path) for path in read.get("models", ())),
    )


def write_record(record: Record, layout: Layout) -> None:
    content = {
        "nodes": [
            {
                "name": running.node.name,
                "index": running.node.index,
                "control": running.node.control,
                "labels": dict(running.node.labels),
                "taints": [[taint.key, taint.value, taint.effect] for taint in running.node.taints],
                "process": [running.process.pid, running.process.started, running.process.boot],
                "key": running.key,
            }
            for running in record.nodes
        ],
        "made_folders": [str(path) for path in record.made_folders],
        "models": [str(path) for path in record.models],
    }
    unfinished = layout.record.with_name(f"{layout.record.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(content, indent=2), encoding="utf-8")
    unfinished.rename(layout.record)


def _running(entry: Mapping[str, Any]) -> RunningNode:
    pid, started, boot = entry["process"]
    return RunningNode(
        node=Node(
            name=entry["name"],
            index=entry["index"],
            control=entry["control"],
            labels=entry["labels"],
            taints=tuple(Taint(key=key, value=value, effect=effect) for key, value, effect in entry["taints"]),
        ),
        process=ProcessId(pid=pid, started=started, boot=boot),
        key=entry["key"],
    )
