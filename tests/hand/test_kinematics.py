"""Forward kinematics against MuJoCo's."""

import jax
import mujoco
import numpy as np

from dactyl_jax import hand
from dactyl_jax.hand import kinematics


def mujoco_fingertips(model: mujoco.MjModel, angles: np.ndarray) -> np.ndarray:
    layout, data = hand.layout(model), mujoco.MjData(model)
    forearm = data.body("rh_forearm")
    tips = []
    for row in angles:
        data.qpos[layout.joint_qpos] = row
        mujoco.mj_kinematics(model, data)
        world = np.array([data.site(name).xpos for name in hand.FINGERTIPS])
        tips.append((world - forearm.xpos) @ forearm.xmat.reshape(3, 3))
    return np.array(tips)


def test_fingertips_agree_with_mujoco_over_the_joint_ranges():
    model = hand.load_model(tilt=0.3)
    ranges = np.array([model.joint(name).range for name in hand.JOINTS])
    angles = np.random.default_rng(0).uniform(*ranges.T, size=(50, 24))
    tips = jax.jit(lambda q: kinematics.fingertip_poses(kinematics.chain(model), q)[0])(angles)
    assert tips.shape == (50, 5, 3)
    np.testing.assert_allclose(tips, mujoco_fingertips(model, angles), atol=1e-6)


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
