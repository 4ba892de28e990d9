"""The digit classifier is trained by right slopes, exported as trained, and as good as its card says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_sources import digits
from model_sources.convolution import Adam, Floats, Parameters, gradients, initial, probabilities
from model_sources.digits import Images, exported, shifted, split, train
from model_sources.files import REPOSITORY
from model_sources.runtime import Runtime, accuracy

seeds = st.integers(0, 2**32 - 1)


def rise(images: Floats, labels: NDArray[np.int64], weights: Parameters, step: Parameters) -> float:
    """Of the loss, from one step behind `weights` to one step ahead."""
    ahead = {name: np.asarray(value + step[name], np.float32) for name, value in weights.items()}
    behind = {name: np.asarray(value - step[name], np.float32) for name, value in weights.items()}
    return gradients(images, labels, ahead)[0] - gradients(images, labels, behind)[0]


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_the_loss_rises_along_its_slope_as_fast_as_the_slope_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = initial(random)
    images, labels = random.random((8, 1, 8, 8), np.float32), random.integers(0, 10, 8)
    _, slopes = gradients(images, labels, weights)
    steepness = float(np.sqrt(sum(float((slope**2).sum()) for slope in slopes.values())))
    # A step that is small beside the weights and large beside what FP32 rounds off the loss.
    length = 1e-3 / steepness
    step = {name: np.asarray(length * slope, np.float32) for name, slope in slopes.items()}
    # Not closer: the step itself may switch a unit on or off.
    assert abs(rise(images, labels, weights, step) / (2 * length) / steepness**2 - 1) < 0.05


@pytest.mark.parametrize("layer", initial(np.random.default_rng(7)))
def test_the_slope_of_every_layer_is_right_by_itself(layer: str) -> None:
    random = np.random.default_rng(7)
    weights = initial(random)
    images, labels = random.random((16, 1, 8, 8), np.float32), random.integers(0, 10, 16)
    slope = gradients(images, labels, weights)[1][layer]
    assert slope.shape == weights[layer].shape
    steepness = float(np.linalg.norm(slope))
    step = {name: np.zeros_like(value) for name, value in weights.items()}
    step[layer] = np.asarray(2e-3 / steepness * slope, np.float32)
    assert abs(rise(images, labels, weights, step) / 4e-3 / steepness - 1) < 0.05


@settings(max_examples=20, deadline=None)
@given(seed=seeds, count=st.integers(1, 5))
def test_the_exported_graph_computes_what_was_trained(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    weights = initial(random)
    pixels = random.integers(0, digits.WHITE + 1, (count, 1, 8, 8)).astype(np.float32)
    found = Runtime(exported(weights)).run({"image": pixels})
    np.testing.assert_allclose(found, probabilities(pixels / np.float32(digits.WHITE), weights), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@given(seed=seeds)
def test_a_shifted_image_is_the_image_moved_by_at_most_one_pixel(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = random.random((1, 1, 8, 8), np.float32)
    framed = np.pad(image[0, 0], 2)
    moved = [framed[1 + row : 9 + row, 1 + column : 9 + column] for row in range(3) for column in range(3)]
    found = shifted(image, random)[0, 0]
    assert any(np.array_equal(found, one) for one in moved)


def test_held_out_images_are_never_trained_on() -> None:
    seen, unseen = split()
    assert len(unseen.labels) == digits.HELD_OUT
    assert len(seen.labels) + len(unseen.labels) == 1797
    assert set(unseen.labels.tolist()) == set(range(10))
    assert not {image.tobytes() for image in seen.pixels} & {image.tobytes() for image in unseen.pixels}


def test_training_again_gives_the_same_bytes() -> None:
    seen, _ = split()
    few = Images(seen.pixels[:192], seen.labels[:192])
    once, again = exported(train(few, epochs=1)), exported(train(few, epochs=1))
    assert once.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def test_training_learns_digits() -> None:
    seen, _ = split()
    few = Images(seen.pixels[:640], seen.labels[:640])
    found = accuracy(Runtime(exported(train(few, epochs=4))), "image", few.pixels, few.labels)
    assert found.right > 0.7 * found.asked


def test_adam_takes_its_first_step_against_the_slope_by_the_rate() -> None:
    weights = {"w": np.array([1.0, -2.0], np.float32)}
    Adam(weights).step({"w": np.array([0.5, -3.0], np.float32)}, rate=0.1)
    np.testing.assert_allclose(weights["w"], [0.9, -1.9], atol=1e-5)


def test_the_card_states_the_committed_models_held_out_accuracy() -> None:
    _, unseen = split()
    found = accuracy(Runtime(digits.TARGET.read_bytes()), "image", unseen.pixels, unseen.labels)
    assert str(found) in (REPOSITORY / "digits" / "README.md").read_text()
