"""Interactive simulation: user controls and their effects on the physics."""

import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax.hand import layout
from dactyl_jax.learning import RandomAgent, ZeroAgent

pytest.importorskip("viser", reason="the viewer is not installed")

from dactyl_jax.viewer.play import LIFT, PUSH, Adjustments, Play, World


@pytest.fixture(scope="module")
def world() -> World:
    config = config_lib.default()
    config.engine, config.env.bank_size, config.randomization = "native", 4, "none"
    config.terms.mass.enabled = True
    return World(config)


@pytest.fixture
def play(world) -> Play:
    return Play(world, {"zero": ZeroAgent(20, 11), "random": RandomAgent(20, 11)}, seed=1)


def heights(play: Play, world: World, steps: int) -> np.ndarray:
    place = layout(world.env.engine.model).object_qpos[2]
    return np.array([play.step().qpos[place] for _ in range(steps)])


def test_the_object_falls_in_and_not_without_gravity(play, world):
    place = layout(world.env.engine.model).object_qpos[2]
    start = play.now.qpos[place]
    assert start - heights(play, world, 5)[-1] > 0.5 * LIFT
    play.adjustments = Adjustments(gravity=0.0)
    play.restart()
    start = play.now.qpos[place]
    np.testing.assert_allclose(heights(play, world, 5), start, atol=0.05 * LIFT)


def test_physics_is_that_of_draws_and_adjustments(play, world):
    model = world.env.engine.model
    mass = float(model.body("object").mass[0])
    play.adjustments = Adjustments(friction=0.5, mass=2.0, gain=1.5, gravity=0.5, delay=1)
    for _ in range(3):  # once, not in every step
        felt = play.step().felt
    np.testing.assert_allclose(felt, (0.5, 2 * mass, 1.5, 0.5 * 9.81), rtol=1e-5)
    play.enter(world, randomised=True)
    drawn = np.asarray(world.banks[True].draws.parameters["body_mass"])[:, model.body("object").id]
    assert np.ptp(drawn) > 0.01 * mass
    assert any(np.isclose(play.step().felt.mass, 2 * drawn, rtol=1e-5))


def test_an_action_takes_effect_after_the_delay(play, world, monkeypatch):
    given = []
    advance = world.advance

    def note(state, action, adjustments):
        given.append(action)
        return advance(state, action, adjustments)

    monkeypatch.setattr(world, "advance", note)
    play.agent = "random"
    play.adjustments = Adjustments(delay=2)
    asked = [play.step().action for _ in range(5)]
    np.testing.assert_array_equal(given[2:], asked[:3])
    np.testing.assert_array_equal(given[:2], [asked[0]] * 2)


def test_a_push_moves_the_object_and_a_new_goal_is_elsewhere(play, world):
    columns = layout(world.env.engine.model).object_qvel[:2]
    before = np.array(play._state.episode.physics.qvel)[0, columns]
    play.push()
    after = np.array(play._state.episode.physics.qvel)[0, columns]
    np.testing.assert_allclose(np.linalg.norm(after - before), PUSH, rtol=1e-5)
    goal = play.now.goal
    play.new_goal()
    asked = play.now.goal
    assert abs(goal @ asked) < 0.99
    np.testing.assert_allclose(play.step().goal, asked, atol=1e-6)


def test_agents_act_and_each_is_counted_for_itself(play, world):
    assert (play.step().action == 5).all()
    play.best, play.drops = 3, 2
    play.agent = "random"
    assert (play.best, play.drops) == (0, 0)
    assert len(set(play.step().action.tolist())) > 2
    play.best, play.drops = 3, 2
    play.restart()  # dropped in once more
    assert (play.best, play.drops) == (3, 2)
    play.enter(world, randomised=True)
    assert (play.best, play.drops) == (0, 0)
