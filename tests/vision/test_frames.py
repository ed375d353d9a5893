"""Frames: pose distributions as published, and ground truth that matches the pictures."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Views
from dactyl_jax.vision import config as config_lib
from dactyl_jax.vision import points
from dactyl_jax.vision.frames import FrameSource
from dactyl_jax.vision.occlusion import occlusion
from dactyl_jax.vision.pool import Pool
from dactyl_jax.vision.terms import materials


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block", cameras=hand.RIG)


@pytest.fixture(scope="module")
def drawing(model) -> FrameSource:
    """Makes a frame source with all terms; tests draw eight frames at a time, compiled once."""
    return source(model, resting(model))


def resting(model, count: int = 4) -> np.ndarray:
    """Returns states with the object in a cupped hand, `[count, nq]`."""
    layout = hand.layout(model)
    qpos = np.tile(model.qpos0, (count, 1)).astype(np.float32)
    qpos[:, layout.joint_qpos] = layout.coupling.T @ layout.start_targets / 2
    qpos[:, layout.object_qpos[:3]] = layout.palm_position + np.array([0.0, 0.0, 0.03])
    qpos[:, layout.object_qpos[3:]] = rotations.random(jax.random.key(3), (count,))
    return qpos


def source(model, qpos, **fields) -> FrameSource:
    config = config_lib.default()
    config.update_from_flattened_dict(fields)
    return FrameSource(config, model, Pool(qpos, np.zeros(len(qpos), np.int32)), 0)


def test_a_frame_depends_on_its_number_alone(drawing):
    many, looks, truth = drawing.draw(jnp.arange(8))
    others, other_looks, _ = drawing.draw(jnp.array([5, 2, 11, 12, 13, 14, 15, 16]))
    np.testing.assert_array_equal(many[jnp.array([5, 2])], others[:2])
    np.testing.assert_array_equal(looks.table[jnp.array([5, 2])], other_looks.table[:2])
    assert len(np.unique(np.asarray(truth.position), axis=0)) > 2


def test_poses_are_kept_turned_and_jittered_by_their_shares(model):
    qpos = resting(model, 1)
    layout = hand.layout(model)
    keys = jax.random.split(jax.random.key(0), 3000)
    states = jax.jit(jax.vmap(source(model, qpos)._pose, (0, None)))(keys, qpos[0])
    pose = np.asarray(states[:, layout.object_qpos])
    moved = np.linalg.norm(pose[:, :3] - qpos[0, layout.object_qpos[:3]], axis=1)
    turn = rotations.multiply(
        rotations.conjugate(jnp.asarray(qpos[0, layout.object_qpos[3:]])), pose[:, 3:]
    )
    angle = np.degrees(rotations.angle(turn))
    kept = (angle < 0.1) & (moved < 1e-6)
    quarters = (moved < 1e-6) & ~kept
    assert abs(kept.mean() - 0.2) < 0.03
    assert abs(quarters.mean() - 0.4) < 0.03
    assert set(np.round(angle[quarters], 1)) <= {90.0, 180.0, 179.9}
    # One of the main axes, by a quarter or more of a turn.
    entries = np.abs(np.asarray(rotations.matrix(turn)))[quarters]
    np.testing.assert_allclose(np.sort(entries.reshape(-1, 9), axis=1)[:, 6:], 1, atol=1e-3)
    jittered = moved > 1e-6
    spread = pose[jittered, :3] - qpos[0, layout.object_qpos[:3]]
    np.testing.assert_allclose(spread.std(axis=0), 0.005, rtol=0.1)
    # The mean norm of three normal components of 15 degrees each is 15 * sqrt(8 / pi).
    assert abs(angle[jittered].mean() - 15 * np.sqrt(8 / np.pi)) < 1.5
    np.testing.assert_array_equal(
        states[:, layout.joint_qpos], np.tile(qpos[:, layout.joint_qpos], (3000, 1))
    )


def test_the_truth_is_in_the_forearms_frame(model, drawing):
    layout = hand.layout(model)
    states, _, truth = drawing.draw(jnp.arange(8))
    back = layout.forearm_position + np.asarray(
        rotations.rotate(layout.forearm_quaternion, truth.position)
    )
    np.testing.assert_allclose(back, states[:, layout.object_qpos[:3]], atol=1e-5)
    turned = rotations.multiply(layout.forearm_quaternion, truth.orientation)
    error = rotations.multiply(turned, rotations.conjugate(states[:, layout.object_qpos[3:]]))
    assert float(rotations.angle(error).max()) < 1e-3
    assert np.asarray(truth.orientation[:, 0]).min() >= 0


def test_keypoints_lie_on_the_faces_that_the_pictures_show(model):
    qpos = resting(model, 16)
    size = 120
    plain = {f"terms.{term.name}.enabled": False for term in config_lib.TERMS}
    plain |= {"terms.camera_rotation.enabled": True, "terms.field_of_view.enabled": True}
    states, looks, truth = source(model, qpos, **plain).draw(jnp.arange(16))
    # Only the object, shining in its colours.
    found = materials(model)
    rgba = looks.rgba.at[:, found.hand, 3].set(0.0)
    looks = dataclasses.replace(
        looks,
        rgba=rgba,
        table=jnp.zeros_like(looks.table),
        light_colour=jnp.zeros_like(looks.light_colour),
        light_ambient=jnp.ones_like(looks.light_ambient),
    )
    pictures = Views(model, size, batch=16).render(np.asarray(states), looks)
    colours = {
        face: np.asarray(model.mat_rgba[model.material(f"letter_{letter}").id, :3])
        for face, letter in enumerate("DACTYL", start=1)  # +x, -x, +y, -y, +z, -z
    }
    found = 0
    for frame in range(16):
        for camera in range(3):
            for face, colour in colours.items():
                if not truth.facing[frame, camera, face]:
                    continue
                x, y = np.asarray((truth.keypoints[frame, camera, face] + 1) / 2 * size, int)
                patch = pictures[frame, camera, y - 2 : y + 3, x - 2 : x + 3] / 255.0
                # Letters are darker shades of their face's colour.
                shades = patch.reshape(-1, 3) @ colour / np.linalg.norm(colour)
                away = np.linalg.norm(
                    patch.reshape(-1, 3) - shades[:, None] * colour / np.linalg.norm(colour),
                    axis=1,
                )
                assert np.median(away) < 0.05
                found += 1
    assert found > 80


def test_landmarks_are_where_mujoco_has_them_and_move_with_the_camera(model):
    qpos = resting(model)
    plain = {f"terms.{term.name}.enabled": False for term in config_lib.TERMS}
    _, _, truth = source(model, qpos, **plain).draw(jnp.arange(1))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    forearm = data.body("rh_forearm")
    places = forearm.xpos + points.FOREARM @ forearm.xmat.reshape(3, 3).T
    for row, camera in enumerate(hand.RIG):
        seen = data.camera(camera.name)
        sight = (places - seen.xpos) @ seen.xmat.reshape(3, 3)
        scale = -sight[:, 2:] * np.tan(np.radians(model.camera(camera.name).fovy) / 2)
        expected = sight[:, :2] * [1.0, -1.0] / scale
        np.testing.assert_allclose(truth.landmarks[0, row], expected, atol=1e-4)
    turned = plain | {"terms.camera_rotation.enabled": True}
    _, _, moved = source(model, qpos, **turned).draw(jnp.arange(100))
    away = np.linalg.norm(moved.landmarks[:, :, 0], axis=-1)  # the pictures' centre, else
    assert 0.2 * 0.9 < away.max() < 0.2 * 1.1  # 3 degrees of 15


def test_occlusion_is_the_hidden_share(model):
    qpos = resting(model, 3)
    layout = hand.layout(model)
    qpos[0, layout.object_qpos[:3]] -= [0.0, 0.0, 0.03]  # half in the palm
    qpos[1, layout.object_qpos[:3]] += [0.0, 0.0, 0.05]  # in free air
    qpos[2, layout.object_qpos[:3]] -= [0.0, 0.0, 0.10]  # below the palm
    plain = {f"terms.{term.name}.enabled": False for term in config_lib.TERMS}
    _, looks, _ = source(model, qpos, **plain).draw(jnp.arange(3))
    hidden = occlusion(Views(model, 64, batch=3), qpos, looks, materials(model))
    assert hidden[1] < 0.02
    assert 0.1 < hidden[0] < 0.7
    assert hidden[2] > 0.7
