"""What Triton's response cache keeps is found again by the model's name and version and by the names and bytes of the
inputs, and by nothing else (TritonCache::Hash, core, src/cache_manager.cc, the same from r24.10 to r26.06)."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.model import Model, Tensor

KEPT_FOR_WHO_ASKED = Rule("TU960", Severity.WARNING, "An answer that was kept is the one that is asked for")


def check_kept_answers(model: Model) -> Iterator[Finding]:
    if not model.config.response_cache.enable:
        return
    if len(model.outputs) > 1:
        names = ", ".join(repr(output.name) for output in model.outputs)
        what = f"Answers are kept whichever of its outputs were asked for, and the model has {names}."
        fix = "Leave response_cache out, or accept this where every client asks for the same ones."
        yield model.finding(KEPT_FOR_WHO_ASKED, "response_cache", what, fix)
    for tensor in model.inputs:
        if _free(model, tensor) > 1:
            shape = ["batch"] * (model.max_batch_size > 1) + ["any" if size < 0 else str(size) for size in tensor.dims]
            what = (
                f"Answers are kept without the inputs' shapes, and the same bytes of {tensor.name!r} can have several:"
                f" it is [{', '.join(shape)}]."
            )
            fix = "Leave response_cache out, or let one dimension at most be of any size, the batch among them."
            yield model.finding(KEPT_FOR_WHO_ASKED, "response_cache", what, fix)


def _free(model: Model, tensor: Tensor) -> int:
    """Dimensions that a request chooses. The bytes alone say how large one is."""
    return sum(size < 0 for size in tensor.dims) + (model.max_batch_size > 1)
