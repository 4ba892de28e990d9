"""Triton's Python backend around `wordpiece.py`: TEXT in, the encoder's three tensors out.

A text that is not UTF-8 fails its own request with INVALID_ARG; the others in the batch are answered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # Triton provides this module inside its stub process.
from wordpiece import MAX_TOKENS, WordPiece


class TritonPythonModel:
    """Triton calls `initialize` once for each instance, then `execute` with the requests of one batch."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters: dict[str, Any] = json.loads(args["model_config"]).get("parameters", {})
        written = parameters.get("pad_to_multiple_of", {}).get("string_value", "1")
        if not written.isdecimal() or not 1 <= int(written) <= MAX_TOKENS:
            raise pb_utils.TritonModelException(
                f"parameters.pad_to_multiple_of in config.pbtxt is {written!r}: write 1 to {MAX_TOKENS}."
            )
        self.multiple_of = int(written)
        self.wordpiece = WordPiece.read(Path(__file__).with_name("vocab.txt"))

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        tensor = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
        try:
            texts = [text.decode("utf-8") for text in tensor.reshape(-1)]
        except UnicodeDecodeError as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(
                    f"TEXT is not UTF-8 ({error.reason} at byte {error.start}): send UTF-8.",
                    pb_utils.TritonError.INVALID_ARG,
                )
            )
        tokens = self.wordpiece.batch(texts, self.multiple_of)
        outputs = {
            "input_ids": tokens.input_ids,
            "attention_mask": tokens.attention_mask,
            "token_type_ids": tokens.token_type_ids,
        }
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, np.ascontiguousarray(value)) for name, value in outputs.items()]
        )
