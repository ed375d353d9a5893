"""Our forward kinematics against MuJoCo's."""

import jax
import mujoco
import numpy as np

from dactyl_jax import hand
from dactyl_jax.hand import kinematics


def test_fingertips_agree_with_mujoco():
    model = hand.load_model("block")
    data, layout, chain = mujoco.MjData(model), hand.layout(model), kinematics.chain(model)
    rng = np.random.default_rng(0)
    low, high = np.array([model.joint(name).range for name in hand.JOINTS]).T
    angles = rng.uniform(low, high, (20, 24))
    tips = jax.jit(lambda q: kinematics.fingertip_positions(chain, q))(angles)
    assert tips.shape == (20, 5, 3)
    forearm = model.body("rh_forearm").id
    for row in range(20):
        data.qpos[layout.joint_qpos] = angles[row]
        mujoco.mj_kinematics(model, data)
        rotation = data.xmat[forearm].reshape(3, 3)
        world = np.array([data.site(name).xpos for name in hand.FINGERTIPS])
        expected = (world - data.xpos[forearm]) @ rotation
        np.testing.assert_allclose(tips[row], expected, atol=1e-6)


def test_leading_axes_are_free():
    chain = kinematics.chain(hand.load_model("block"))
    angles = np.zeros((2, 3, 24), np.float32)
    tips = kinematics.fingertip_positions(chain, angles)
    assert tips.shape == (2, 3, 5, 3)
    np.testing.assert_array_equal(tips[1, 2], kinematics.fingertip_positions(chain, angles[0, 0]))
