"""Label files: what a classification's answers are called."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from planning.findings import Finding, Rule, Severity
from planning.repository.files import leads_outside
from planning.repository.model import Model

LABELS_ARE_THERE = Rule("TU226", Severity.ERROR, "Every label file is in its model's directory")
LABELS_ARE_COMPLETE = Rule("TU227", Severity.WARNING, "Every class has its label")


def check_labels(model: Model) -> Iterator[Finding]:
    """Model::Init (core, src/model.cc) for where the file is; LabelProvider::GetLabel
    (src/label_provider.cc) answers with an empty label where the file has too few lines."""
    for index, output in enumerate(model.config.output):
        at, path = f"output[{index}].label_filename", output.label_filename
        if not path:
            continue
        labels = model.labels.get(path)
        if leads_outside(path):
            what = f"The label file {path!r} is outside the model's directory."
            yield model.finding(LABELS_ARE_THERE, at, what, "Put it beside config.pbtxt and name it alone.")
        elif labels is None:
            what = f"The label file {path!r} is missing."
            yield model.finding(LABELS_ARE_THERE, at, what, "Put it there, one label a line.")
        elif all(dim > 0 for dim in output.dims) and len(labels) != prod(output.dims):
            classes = prod(output.dims)
            what = f"{path!r} has {len(labels)} labels, the output {output.name!r} has {classes} classes."
            yield model.finding(LABELS_ARE_COMPLETE, at, what, f"Write {classes} lines, one label each.")
