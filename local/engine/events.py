"""What the engine tells on its standard output while it works: one JSON object a line.

The fields are those of sdk/go/common/apitype/events.go (EngineEvent), of which only these are read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

KUBERNETES = "kubernetes:"
MADE = frozenset({"create", "update", "replace", "create-replacement", "import"})
GONE = frozenset({"delete"})
"""Operations of sdk/go/common/apitype (OpType). What a replacement deletes is no removal."""

_COLOUR = re.compile(r"<\{%[^%]*%\}>")
"""The engine's own colour directives (sdk/go/common/diag/colors), which stay in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Work on an object of the cluster begins: `updating deployment/triton-floor`."""

    doing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An object of the cluster was made or changed, or is gone."""

    name: str
    change: Literal["changed", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object of the cluster is as it was."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`passing` texts are what something waits for meanwhile."""

    severity: Literal["info", "warning", "error"]
    text: str
    about: str
    passing: bool


Event = Begun | Done | Kept | Said

_DOING = {
    "create": "creating",
    "create-replacement": "creating anew",
    "update": "updating",
    "delete": "deleting",
    "delete-replaced": "deleting the former",
    "refresh": "looking at",
}


def read_event(line: str) -> Event | None:
    """None for what is no event of interest, and for lines that are none at all."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    match event:
        case {"diagnosticEvent": {"message": str(message), **rest}}:
            return _said(message, rest)
        case {"stdoutEvent": {"message": str(message)}}:  # what it answers to a signal
            return _said(message, {"severity": "warning"})
        case {"resourcePreEvent": {"metadata": metadata}} if _of_cluster(metadata):
            doing = _DOING.get(metadata["op"])
            return Begun(doing=f"{doing} {_name(metadata)}") if doing else None
        case {"resOutputsEvent": {"metadata": metadata}} if _of_cluster(metadata):
            return _done(metadata)
        case _:
            return None


def _name(metadata: Any) -> str:
    """`deployment/triton-floor`, as the cluster has it; the program's own name where the event does not hold that."""
    *_, chain, name = str(metadata["urn"]).split("::", 3)
    for side in ("new", "old"):
        match metadata.get(side):
            case {"inputs": {"metadata": {"name": str(own)}}}:
                name = own
                break
            case _:
                pass
    return f"{chain.rpartition(':')[2].lower()}/{name}"


def _of_cluster(metadata: Any) -> bool:
    return str(metadata["type"]).startswith(KUBERNETES)


def _done(metadata: Any) -> Event | None:
    name, op = _name(metadata), metadata["op"]
    if op == "same":
        return Kept(name=name)
    if op in MADE:
        return Done(name=name, change="changed")
    return Done(name=name, change="removed") if op in GONE else None


def _said(message: str, rest: Any) -> Said | None:
    text = _COLOUR.sub("", message).strip()
    if not text:
        return None
    told = str(rest.get("severity", "info")).partition("#")[0]
    urn = str(rest.get("urn", ""))
    severity: Literal["info", "warning", "error"] = (
        "error" if told == "error" else "warning" if told == "warning" else "info"
    )
    return Said(
        severity=severity,
        text=text,
        about=_name({"urn": urn}) if KUBERNETES in urn else "",
        passing=bool(rest.get("ephemeral", False)),
    )
