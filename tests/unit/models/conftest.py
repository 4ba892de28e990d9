from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from tokenizers import Tokenizer

from model_sources import encoder
from model_sources.sentences import Tokenizer as OurTokenizer
from model_sources.sentences import tokenizer

PACKAGE = encoder.PACKAGE / encoder.WEIGHTS.parent


@pytest.fixture(scope="session", autouse=True)
def one_core_each() -> Iterator[None]:
    """Small matrices gain nothing from numpy's threads, and test processes side by side lose by them."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def package() -> Path:
    """The published model's folder."""
    if not PACKAGE.is_dir():
        pytest.skip("the MiniLM package is not installed: run `make models`")
    return PACKAGE


@pytest.fixture(scope="session")
def published(package: Path) -> Tokenizer:
    """The library's own tokeniser of the model; the cutting and padding written in its file (128) is that of
    its training, and sentence-transformers overrides it too."""
    library = Tokenizer.from_file(str(package / "tokenizer.json"))
    library.no_truncation()
    library.no_padding()
    return library


@pytest.fixture(scope="session")
def ours() -> OurTokenizer:
    return tokenizer()


@pytest.fixture(scope="session")
def assembled() -> None:
    if not encoder.assembled(encoder.TARGET):
        pytest.skip("text_encoder is not assembled: run `make models`")


@pytest.fixture(scope="session")
def weights(package: Path) -> dict[str, NDArray[np.float32]]:
    return encoder.weights(encoder.PACKAGE)
