"""Forward kinematics agree with MuJoCo."""

import jax
import mujoco
import numpy as np

from dactyl_jax import hand
from dactyl_jax.hand import kinematics, rotations


def mujoco_poses(model: mujoco.MjModel, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns positions [n, 5, 3] and rotation matrices [n, 5, 3, 3] in the forearm's frame."""
    layout, data = hand.layout(model), mujoco.MjData(model)
    forearm = data.body("rh_forearm")
    sites = [data.site(name) for name in hand.FINGERTIPS]
    tips, links = [], []
    for row in angles:
        data.qpos[layout.joint_qpos] = row
        mujoco.mj_kinematics(model, data)
        to_world = forearm.xmat.reshape(3, 3)
        tips.append([to_world.T @ (site.xpos - forearm.xpos) for site in sites])
        links.append([to_world.T @ site.xmat.reshape(3, 3) for site in sites])
    return np.array(tips), np.array(links)


def test_fingertip_poses_agree_with_mujoco_over_the_joint_ranges():
    model = hand.load_model(tilt=0.3)
    ranges = np.array([model.joint(name).range for name in hand.JOINTS])
    angles = np.random.default_rng(0).uniform(*ranges.T, size=(50, 24))
    tips, links = jax.jit(lambda q: kinematics.fingertip_poses(kinematics.chain(model), q))(angles)
    assert tips.shape == (50, 5, 3)
    assert links.shape == (50, 5, 4)
    expected_tips, expected_links = mujoco_poses(model, angles)
    np.testing.assert_allclose(tips, expected_tips, atol=1e-6)
    columns = rotations.rotate(links[..., None, :], np.eye(3))  # the links' axes in rows
    np.testing.assert_allclose(np.swapaxes(columns, -1, -2), expected_links, atol=2e-6)


def test_leading_axes_and_the_tilt_do_not_matter():
    angles = np.zeros((2, 3, 24))
    flat = kinematics.chain(hand.load_model(tilt=0.0))
    tilted = kinematics.chain(hand.load_model(tilt=0.5))
    tips = kinematics.fingertip_poses(flat, angles)[0]
    assert tips.shape == (2, 3, 5, 3)
    np.testing.assert_allclose(tips, kinematics.fingertip_poses(tilted, angles)[0], atol=1e-9)
    # Zero angles: the straight middle finger, from the forearm to its tip.
    reach = 0.21301 + 0.034 + 0.099 + 0.045 + 0.025 + 0.026
    np.testing.assert_allclose(tips[0, 0, 1], [0.01, 0.011, reach], atol=1e-6)
