"""Augmentation of pictures before they reach the network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.vision import config as config_lib
from dactyl_jax.vision import images

SIZE = 40


@pytest.fixture
def pictures() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)


def apply(name: str, pictures, count: int = 200, **law) -> np.ndarray:
    """Applies a term to the same pictures, `[count, 3, size, size, 3]`."""
    term = next(term for term in images.TERMS if term.name == name)
    config = config_lib.default().terms[name]
    config.update(law)
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.vmap(lambda key: term.apply(key, config, pictures, None))(keys))


def test_normalised_pictures_have_mean_0_and_variance_1(pictures):
    dark = pictures // 4 + 7
    for each in (pictures, dark):
        normal = np.asarray(images.normalize(each))
        np.testing.assert_allclose(normal.mean(axis=(1, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(normal.std(axis=(1, 2, 3)), 1, atol=1e-5)
    # A single colour must not cause a division by zero.
    assert not np.asarray(images.normalize(np.full_like(pictures, 9))).any()


def test_contrast_is_one_factor_of_the_published_range(pictures):
    normal = images.normalize(pictures)
    factor = apply("contrast", normal) / np.asarray(normal)
    np.testing.assert_allclose(factor.std(axis=(2, 3, 4)), 0, atol=1e-5)
    factor = factor.mean(axis=(2, 3, 4))
    assert 0.5 <= factor.min() < 0.51 and 1.49 < factor.max() <= 1.5001


def test_noise_is_of_the_published_deviation_and_of_each_pixel(pictures):
    normal = images.normalize(pictures)
    noise = apply("pixel_noise", normal, count=20) - np.asarray(normal)
    assert abs(noise.std() - 0.1) < 0.001
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.01


def test_blur_keeps_means_and_takes_contrasts():
    normal = jnp.zeros((3, SIZE, SIZE, 3)).at[:, 20, 20].set(1.0)
    blurred = apply("blur", normal, largest=0.05)
    np.testing.assert_allclose(blurred.sum(axis=(2, 3)), 1, atol=1e-4)
    peak = blurred[:, :, 20, 20, 0]
    assert peak.max() > 0.99  # hardly any
    assert peak.min() < 0.1  # Gaussian of 2 pixels, cut at 2: 1/20
    np.testing.assert_allclose(blurred[:, :, 20, 19], blurred[:, :, 20, 21], atol=1e-6)


def test_patches_cover_rectangles_of_some_pictures(pictures):
    normal = images.normalize(pictures)
    covered = (apply("patches", normal, most=1, probability=0.5) != np.asarray(normal)).all(axis=-1)
    share = covered.mean(axis=(2, 3)).ravel()
    assert abs((share > 0).mean() - 0.5) < 0.06
    assert share.max() <= 0.3**2 + 0.02
    frame, camera = np.argwhere(covered.any(axis=(2, 3)))[0]
    patch = covered[frame, camera]
    rows, columns = patch.any(axis=1), patch.any(axis=0)
    np.testing.assert_array_equal(patch, rows[:, None] & columns)
