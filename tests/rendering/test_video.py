"""Videos are written completely or not at all."""

import imageio.v2 as imageio
import numpy as np
import pytest
from PIL import Image

from dactyl_jax.rendering import write_video


def frames(count: int) -> list[np.ndarray]:
    return [np.full((32, 48, 3), 40 * i, np.uint8) for i in range(count)]


def test_a_video_reads_back(tmp_path):
    path = tmp_path / "videos" / "policy.mp4"
    write_video(path, frames(5), fps=12.5)
    with imageio.get_reader(path) as reader:
        assert reader.get_meta_data()["fps"] == 12.5
        pictures = np.array(list(reader.iter_data()))
    assert pictures.shape == (5, 32, 48, 3)
    np.testing.assert_allclose(pictures.mean((1, 2, 3)), 40 * np.arange(5), atol=6)
    assert [file.name for file in path.parent.iterdir()] == ["policy.mp4"]


def test_an_animated_picture_reads_back(tmp_path):
    path = tmp_path / "policy.webp"
    write_video(path, frames(5), fps=12.5)
    with Image.open(path) as animation:
        assert (animation.n_frames, animation.size, animation.info["loop"]) == (5, (48, 32), 0)
        for i in range(5):
            animation.seek(i)
            assert np.asarray(animation.convert("RGB")).mean() == pytest.approx(40 * i, abs=6)
            assert animation.info["duration"] == 80


def test_a_failure_leaves_the_old_video(tmp_path):
    path = tmp_path / "policy.mp4"
    write_video(path, frames(2), fps=10)
    before = path.read_bytes()

    def broken():
        yield from frames(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_video(path, broken(), fps=10)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"path: .*it may be \*\.mp4 or \*\.webp"):
        write_video(tmp_path / "policy.gif", frames(1), fps=10)
    with pytest.raises(ValueError, match="there are none"):
        write_video(tmp_path / "policy.mp4", [], fps=10)
    odd = [np.zeros((31, 48, 3), np.uint8)]
    with pytest.raises(ValueError, match="one even size"):
        write_video(tmp_path / "policy.mp4", odd, fps=10)
    assert not list(tmp_path.iterdir())
