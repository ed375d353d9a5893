"""Interpolation of a recording."""

import numpy as np

from dactyl_jax import evaluation


def test_a_recording_is_read_between_its_rows():
    """A joint bends by 1 rad; the object makes a quarter turn, given by the negated quaternion."""
    qpos = np.zeros((2, 31))
    qpos[1, 3] = 1.0
    qpos[:, -4] = 1.0
    qpos[1, -4:] = [-np.cos(np.pi / 4), 0, 0, -np.sin(np.pi / 4)]
    recording = evaluation.Recording(qpos, np.eye(4)[:2], np.array([0, 1]), drops=2)
    between = evaluation.sample(recording, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(between.qpos[:, 3], [0, 0.5, 1])
    eighth = [np.cos(np.pi / 8), 0, 0, np.sin(np.pi / 8)]
    np.testing.assert_allclose(between.qpos[1, -4:], eighth, atol=1e-12)
    np.testing.assert_allclose(np.abs(between.qpos[2]), np.abs(qpos[1]))
    assert between.goals.tolist() == [0, 0, 1] and between.drops == 2
    np.testing.assert_array_equal(between.goal, np.eye(4)[[0, 0, 1]])
