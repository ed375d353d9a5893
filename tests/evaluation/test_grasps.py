"""Grasps, turning strategies and failures, classified from hand-made contacts."""

import dataclasses

import mujoco
import numpy as np
import pytest

from dactyl_jax import hand
from dactyl_jax.evaluation import grasps

DT = 0.08


def seen(steps=1, *, palm=False, **digits):
    """Returns moments in which digits touch at given points; `tip_ff=...` with the fingertip."""
    points = np.full((steps, 5, 3), np.nan)
    tips = np.zeros((steps, 5), bool)
    for name, point in digits.items():
        number = grasps.DIGITS.index(name.removeprefix("tip_"))
        points[:, number] = point
        tips[:, number] = name.startswith("tip_")
    return grasps.Touches(
        digits=~np.isnan(points[..., 0]),
        tips=tips,
        palm=np.full(steps, palm),
        points=points,
        rotation=np.tile(np.eye(3), (steps, 1, 1)),
    )


def turning(steps, axis, speed):
    """Returns orientations that turn about an axis of the object at a speed in rad/s."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angles = speed * DT * np.arange(steps)[:, None, None]
    return np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * cross @ cross


@pytest.mark.parametrize(
    ("touching", "name"),
    [
        ({}, "free"),
        ({"palm": True}, "palm"),
        ({"palm": True, "th": 0}, "palm"),
        ({"palm": True, "ff": 0}, "palm and fingers"),
        ({"palm": True, "th": 0, "ff": 0}, "power"),
        ({"th": 0}, "without thumb"),
        ({"ff": 0, "lf": 0}, "without thumb"),
        ({"tip_th": 0, "tip_ff": 0}, "tip pinch"),
        ({"tip_th": 0, "ff": 0}, "palmar pinch"),
        ({"th": 0, "ff": 0, "mf": 0}, "tripod"),
        ({"th": 0, "ff": 0, "mf": 0, "rf": 0}, "quadpod"),
        ({"th": 0, "ff": 0, "mf": 0, "rf": 0, "lf": 0}, "five-finger"),
    ],
)
def test_grasps_by_what_touches(touching, name):
    assert list(grasps.GRASPS)[grasps.grasps(seen(**touching))[0]] == name


def test_pivoting_is_about_the_line_between_two_digits():
    pinch = seen(5, th=(0, 0.02, 0), ff=(0, -0.02, 0))
    for axis, speed, pivots in (((0, 1, 0), 1.0, 4), ((1, 0, 0), 1.0, 0), ((0, 1, 0), 0.3, 0)):
        moving = dataclasses.replace(pinch, rotation=turning(5, axis, speed))
        assert grasps.ways(moving, DT)["pivoting"].sum() == pivots
    on_palm = dataclasses.replace(moving, palm=np.ones(5, bool), rotation=turning(5, (0, 1, 0), 1))
    assert not grasps.ways(on_palm, DT)["pivoting"].any()


def test_sliding_is_a_contact_that_wanders():
    still = seen(4, th=0, ff=0)
    assert not grasps.ways(still, DT)["sliding"].any()
    still.points[:, 1, 0] = 0.005 * np.arange(4)  # 6 cm/s
    assert grasps.ways(still, DT)["sliding"].tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("place", "away", "others", "gaits"),
    [(0.02, 3, True, 1), (0.005, 3, True, 0), (0.02, 20, True, 0), (0.02, 3, False, 0)],
)
def test_gaiting_is_to_let_go_and_come_back_elsewhere(place, away, others, gaits):
    moments = seen(away + 4, th=0, ff=0)
    moments.points[2 : 2 + away, 1] = np.nan
    moments.points[2 + away :, 1, 0] = place
    if not others:
        moments.points[3, 0] = np.nan
    moments = dataclasses.replace(moments, digits=~np.isnan(moments.points[..., 0]))
    found = grasps.ways(moments, DT)["gaiting"]
    assert np.flatnonzero(found).tolist() == [2 + away] * gaits


def test_failures_by_how_they_came():
    long, short = seen(60), seen(10)
    drop, late = {"dropped": True, "timed_out": False}, {"dropped": False, "timed_out": True}
    level, bending, rising = np.zeros(60), np.linspace(0.2, -0.7, 60), np.linspace(-0.7, 0.2, 60)
    assert grasps.failure(long, bending, DT, drop) == "wrist pitch"
    assert grasps.failure(long, rising, DT, drop) == "other drop"
    assert grasps.failure(long, level, DT, drop) == "other drop"
    assert grasps.failure(short, np.zeros(10), DT, drop) == "early drop"
    assert grasps.failure(long, level, DT, late) == "stuck"
    turned = dataclasses.replace(long, rotation=turning(60, (1, 0, 0), 0.5))
    assert grasps.failure(turned, level, DT, late) == "time-out"
    assert grasps.failure(long, level, DT, {"dropped": False, "timed_out": False}) is None


def test_contacts_are_found_where_they_are():
    """The block is in the air, on the palm, or on the last link of a straight middle finger."""
    model = hand.load_model("block")
    layout = hand.layout(model)
    finger = mujoco.MjData(model)
    mujoco.mj_kinematics(model, finger)
    above = np.array([0, 0, 1])
    centres = (
        layout.palm_position + 0.5 * above,
        layout.palm_position + 0.0248 * above,
        finger.body("rh_mfdistal").xpos + (0.025 + 0.0075 - 0.0002) * above,
    )
    qpos = np.tile(model.qpos0, (3, 1))
    qpos[:, layout.object_qpos[:3]] = centres
    found = grasps.touches(model, qpos)
    assert found.palm.tolist() == [False, True, False]
    assert not found.digits[:2].any()
    assert found.digits[2, grasps.DIGITS.index("mf")] and not found.digits[2, 0]
    assert -0.026 < found.points[2, 2, 2] < -0.015  # by its lower face
    names = [list(grasps.GRASPS)[number] for number in grasps.grasps(found)]
    assert names == ["free", "palm", "without thumb"]


def test_episodes_end_where_the_next_one_starts():
    done = np.zeros((10, 2), bool)
    done[[4, 7], 1] = True
    assert [*grasps._episodes(done)] == [(0, (0, 10)), (1, (0, 4)), (1, (4, 7)), (1, (7, 10))]
    assert [*grasps._runs(np.array([2, 2, 0, 2]))] == [(2, 0, 2), (0, 2, 1), (2, 3, 1)]
