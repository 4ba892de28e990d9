"""All three stacks, and the EKS cluster of one of them, rendered once for each process that runs tests."""

from __future__ import annotations

import pytest
from eks_variants import EDITS, variant
from recorded_eks import RecordedEks, prod_eks
from rendered_stack import STACKS, NotAssembledError, RenderedStack, example_repository, rendered_stack


@pytest.fixture(scope="session")
def assembled_models() -> None:
    """Fails, saying what is missing and what makes it, where the example repository is not whole."""
    try:
        example_repository()
    except NotAssembledError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, assembled_models: None) -> RenderedStack:
    """Each stack of the project in its turn, without the controllers that it installs."""
    return rendered_stack(request.param).serving()


@pytest.fixture(params=STACKS)
def whole(request: pytest.FixtureRequest, assembled_models: None) -> RenderedStack:
    """Each stack with all that is rendered of it."""
    return rendered_stack(request.param)


@pytest.fixture(params=EDITS)
def eks(request: pytest.FixtureRequest, assembled_models: None) -> RecordedEks:
    """Stack prod's cluster, and that of other settings."""
    return variant(request.param)


@pytest.fixture
def prod(assembled_models: None) -> RecordedEks:
    """Stack prod's cluster."""
    return prod_eks()
