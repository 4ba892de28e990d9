"""The definition of the kind ModelVersion: its fields, the rules that the API server keeps, what `kubectl get` shows.

Rules are CEL. Lengths are limited because the API server refuses rules whose cost it cannot bound (Kubernetes,
"Resource use by validation functions").
"""

from __future__ import annotations

from typing import Any

from planning.model_versions import (
    DEFINITION,
    GROUP,
    KIND,
    PLURAL,
    SHORT,
    SHORT_FILES,
    SINGULAR,
    VERSION,
    Phase,
)

Json = dict[str, Any]
"""JSON whose shape the API server judges."""

_DIGEST = "sha256:"
_START = len(_DIGEST)

_FIXED = ("server", "model", "version", "repositoryDigest", "filesDigest", "files", "bytes")
"""All of a version but where it is read: a bucket may move."""

_PARTS = (
    "self.spec.server.split('-') + self.spec.model.replace('_', '-').replace('.', '-').lowerAscii().split('-')"
    f" + [string(self.spec.version), self.spec.repositoryDigest.substring({_START}, {_START + SHORT})]"
)
"""Of a name. They are compared as a list: `string` of a number has no limit that the API server could count with, and
one text with it in the middle neither."""


def definition_object() -> Json:
    """The whole object, for `kubectl apply`."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION},
        "spec": definition_spec(),
    }


def definition_spec() -> Json:
    return {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "kind": KIND,
            "listKind": f"{KIND}List",
            "plural": PLURAL,
            "singular": SINGULAR,
            "shortNames": ["mv"],
        },
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _schema()},
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": f".spec.{field}"} for field in ("server", "model")],
                "additionalPrinterColumns": [
                    _column("Server", ".spec.server"),
                    _column("Model", ".spec.model"),
                    _column("Version", ".spec.version", "integer"),
                    _column("Phase", ".status.phase"),
                    _column("Ready", ".status.readyPods", "integer"),
                    _column("Pods", ".status.pods", "integer"),
                    _column("Seen", ".status.observed", "date"),
                    _column("Reason", ".status.reason", wide=True),
                    _column("Repository digest", ".spec.repositoryDigest", wide=True),
                    _column("Age", ".metadata.creationTimestamp", "date"),
                ],
            }
        ],
    }


def _schema() -> Json:
    return {
        "type": "object",
        "description": "One version of one model, as part of what one server serves under one digest.",
        "required": ["spec"],
        "properties": {
            # The API server's own limit, which it does not count on unless it is told.
            "metadata": _fields(name={"type": "string", "maxLength": 253}),
            "spec": _spec(),
            "status": _status(),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"self.metadata.name.split('-') == {_PARTS} || self.metadata.name.split('-') == {_PARTS}"
                f" + [self.spec.filesDigest.substring({_START}, {_START + SHORT_FILES})]",
                "message": "the name is SERVER-MODEL-VERSION-DIGEST: the model in lower case with - for _ and ., and"
                f" the first {SHORT} digits of repositoryDigest",
            },
            {
                "rule": "!has(self.status) || !has(self.status.digest)"
                " || self.status.digest == self.spec.repositoryDigest",
                "message": "status.digest is what pods of this version were seen with: it is spec.repositoryDigest",
            },
        ],
    }


def _spec() -> Json:
    return {
        **_fields(
            server=_text("The server, whose pods have it as app.kubernetes.io/instance.", 63),
            model=_text("The model's directory.", 128, r"^[A-Za-z0-9_][-A-Za-z0-9_.]*$"),
            version=_number("The version's directory.", 1),
            repositoryDigest=_digest("Of all that the server serves. Pods name it in the annotation"
                                     " tritonup/models-digest, and it is the directory in the destination."),
            filesDigest=_digest("Of this version's own files and the model's: the same in every repository that has"
                                " this version unchanged."),
            files=_number("How many files these are.", 1),
            bytes=_number("How large they are together.", 0),
            source=_text("Where pods read the model.", 1024),
        ),
        "required": [*_FIXED, "source"],
        "x-kubernetes-validations": [
            {
                "rule": " && ".join(f"self.{field} == oldSelf.{field}" for field in _FIXED),
                "message": "what a version is never changes: another digest is another ModelVersion",
            }
        ],
    }  # fmt: skip


def _status() -> Json:
    return {
        **_fields(
            phase={
                "type": "string",
                "enum": [str(phase) for phase in Phase],
                "description": "How far it had come when it was looked at.",
            },
            reason=_text("Why, in a word: as a container's state names it.", 64, r"^[A-Za-z][A-Za-z0-9_]*$"),
            message=_text("Why, in words: as a container's end told it.", 1024),
            digest=_digest("The repository digest that its pods were seen with; absent where there is none."),
            pods=_number("Pods that were given this digest.", 0),
            readyPods=_number("Those of them that were Ready.", 0),
            observed={
                "type": "string",
                "format": "date-time",
                "description": "When it was looked at. Nobody keeps looking: an old status is an old look.",
            },
        ),
        "required": ["phase", "pods", "readyPods", "observed"],
        "x-kubernetes-validations": [
            {
                "rule": "self.readyPods <= self.pods",
                "message": "no more pods are ready than there are",
            },
            {
                "rule": f"(self.phase == '{Phase.SERVING}') == (self.readyPods > 0)",
                "message": "it is Serving where a pod is ready, and only there",
            },
            {
                "rule": f"self.phase != '{Phase.FAILED}' || (has(self.reason) && size(self.reason) > 0)",
                "message": "Failed has a reason",
            },
            {
                "rule": f"(self.phase == '{Phase.PLANNED}') == (self.pods == 0)"
                f" && (self.phase == '{Phase.PLANNED}') != has(self.digest)",
                "message": "it is Planned where no pod has been given it, and only there; elsewhere digest says what"
                " pods have",
            },
        ],
    }


def _fields(**fields: Json) -> Json:
    return {"type": "object", "properties": fields}


def _text(description: str, longest: int, pattern: str | None = None) -> Json:
    limits: Json = {"maxLength": longest, **({"pattern": pattern} if pattern else {})}
    return {"type": "string", "description": description, **limits}


def _digest(description: str) -> Json:
    length = _START + 64
    return {
        "type": "string",
        "description": f"{description} SHA-256.",
        "pattern": f"^{_DIGEST}[0-9a-f]{{64}}$",
        "maxLength": length,
    }


def _number(description: str, least: int) -> Json:
    return {"type": "integer", "format": "int64", "description": description, "minimum": least}


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False) -> Json:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if wide else {})}
