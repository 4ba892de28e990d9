"""A repository of a thousand models is checked while one waits for it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.repositories import findings_of, generate

MODELS = 1000
AT_MOST_S = 10.0


def test_a_thousand_models_are_checked_in_ten_seconds_of_processor_time(tmp_path: Path) -> None:
    """Of this process: what others do on the machine is not counted."""
    root = generate(tmp_path / "models", MODELS)
    before = time.process_time()
    assert findings_of(root) == ()
    assert time.process_time() - before < AT_MOST_S
