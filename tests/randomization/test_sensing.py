"""Sensing terms: laws over many environments, state, and effects."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dactyl_jax import hand
from dactyl_jax.hand import rotations, surface
from dactyl_jax.randomization import sensing
from dactyl_jax.randomization.pipeline import Pipeline

NUM = 10_000
DT = 0.08  # s
TERMS = {term.name: term for term in sensing.TERMS}
IDENTITY = jnp.array([1.0, 0.0, 0.0, 0.0])
TURN = jnp.array([0.5, 0.5, 0.5, 0.5])  # x -> y -> z -> x

TRUTH = sensing.Sensed(
    fingertips=0.03 * jnp.arange(15.0).reshape(5, 3),
    position=jnp.array([0.1, 0.2, 0.3]),
    orientation=TURN,
)
SCENE = sensing.SensingScene(
    links=jnp.tile(TURN, (5, 1)),
    spacing=jnp.full(5, 0.1),
    clearance=jnp.full(5, 0.1),
    control_dt=jnp.asarray(DT),
)


@functools.cache
def compiled(name, **law):
    """Compiles a term's two functions over environments, with shared truth and strength."""
    term = TERMS[name]
    fixed = ConfigDict({**term.law, **law})

    def begin(key, strength, signal, scene):
        return term.begin(key, fixed, strength, signal, scene)

    def apply(key, strength, memory, signal, scene):
        return term.apply(key, fixed, strength, memory, signal, scene)

    return (
        jax.jit(jax.vmap(begin, in_axes=(0, None, None, None))),
        jax.jit(jax.vmap(apply, in_axes=(0, None, 0, None, None))),
    )


@jax.jit
def following(keys):
    return jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys)


class Player:
    """One term in `num` environments, step by step."""

    def __init__(self, name, strength=1.0, num=NUM, **law):
        begin, self._apply = compiled(name, **law)
        self.strength = strength
        self.keys = jax.random.split(jax.random.key(0), num)
        self.memory = begin(self.keys, strength, TRUTH, SCENE)

    def step(self, signal=TRUTH, scene=SCENE):
        """Reads every environment once, with fresh draws."""
        self.keys = following(self.keys)
        self.memory, sensed = self._apply(self.keys, self.strength, self.memory, signal, scene)
        return jax.tree.map(np.asarray, sensed)


def moved(distance):
    """Returns the truth with all positions moved [m], which identifies the time of a reading."""
    return TRUTH._replace(
        fingertips=TRUTH.fingertips + distance, position=TRUTH.position + distance
    )


def turned_by(orientation):
    """Returns the rotation from the true to the sensed orientation, as a vector `[..., 3]` rad."""
    error = rotations.canonical(rotations.multiply(orientation, rotations.conjugate(TURN)))
    axis = error[:, 1:] / jnp.linalg.norm(error[:, 1:], axis=-1, keepdims=True)
    return np.asarray(axis * rotations.angle(error)[:, None])


def test_the_published_table():
    assert [term.name for term in sensing.TERMS if term.family == "sensing"] == [
        "marker_placement",
        "fingertip_noise",
        "position_noise",
        "orientation_noise",
    ]
    laws = [dict(term.law) for term in sensing.TERMS[:4]]
    assert laws == [
        {"fingertip": 0.003, "base": 0.001},
        {"episode": 0.001, "step": 0.002},
        {"episode": 0.005, "step": 0.001},
        {"episode": 0.1, "step": 0.1},
    ]


@pytest.mark.parametrize("name", TERMS)
def test_without_strength_nothing_is_changed(name):
    player = Player(name, strength=0.0, num=100)
    scene = SCENE._replace(spacing=jnp.zeros(5), clearance=jnp.full(5, -0.01))
    for step in range(20):
        signal = moved(0.01 * step)
        for sensed, true in zip(player.step(signal, scene), signal, strict=True):
            np.testing.assert_array_equal(sensed, np.broadcast_to(true, sensed.shape))


def test_markers_stay_where_they_were_glued_to_links_and_base():
    player = Player("marker_placement")
    straight = SCENE._replace(links=jnp.tile(IDENTITY, (5, 1)))
    first, second = player.step(scene=straight), player.step(scene=SCENE)
    base = first.position - TRUTH.position
    np.testing.assert_array_equal(second.position, first.position)
    assert np.std(base, axis=0) == pytest.approx(3 * [0.001], rel=0.03)
    on_links = first.fingertips - TRUTH.fingertips - base[:, None]
    assert np.std(on_links, axis=0) == pytest.approx(np.full((5, 3), 0.003), rel=0.04)
    after_turn = second.fingertips - TRUTH.fingertips - base[:, None]
    np.testing.assert_allclose(after_turn, np.roll(on_links, 1, axis=-1), atol=1e-6)
    np.testing.assert_array_equal(second.orientation, first.orientation)


@pytest.mark.parametrize(
    ("name", "field", "episode", "step"),
    [
        ("fingertip_noise", "fingertips", 0.001, 0.002),
        ("position_noise", "position", 0.005, 0.001),
    ],
)
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_noise_has_a_part_of_the_episode_and_a_part_of_the_step(
    name, field, episode, step, strength
):
    player = Player(name, strength)
    first, second = player.step(), player.step()
    errors = [getattr(sensed, field) - getattr(TRUTH, field) for sensed in (first, second)]
    assert np.std(errors[0] - errors[1]) == pytest.approx(strength * 2**0.5 * step, rel=0.03)
    assert np.mean(errors[0] * errors[1]) == pytest.approx((strength * episode) ** 2, rel=0.1)
    for other in {"fingertips", "position", "orientation"} - {field}:
        same = np.broadcast_to(getattr(TRUTH, other), getattr(first, other).shape)
        np.testing.assert_array_equal(getattr(first, other), same)


@pytest.mark.parametrize("parts", [{"step": 0.0}, {"episode": 0.0}])
def test_rotations_are_normal_about_uniform_axes(parts):
    player = Player("orientation_noise", **parts)
    first, second = (turned_by(player.step().orientation) for _ in range(2))
    # A normal angle about a uniform axis: a third of its variance along each coordinate.
    np.testing.assert_allclose(first.T @ first / NUM, np.eye(3) * 0.1**2 / 3, atol=2e-4)
    np.testing.assert_allclose(first.mean(axis=0), 0.0, atol=0.003)
    assert np.quantile(np.linalg.norm(first, axis=1), 0.6827) == pytest.approx(0.1, rel=0.03)
    if "step" in parts:  # the episode's is constant
        np.testing.assert_allclose(first, second, atol=1e-6)
    else:
        np.testing.assert_allclose(first.T @ second / NUM, 0.0, atol=2e-4)


def test_the_steps_rotation_follows_the_episodes():
    player = Player("orientation_noise")
    episode, keys = player.memory, following(player.keys)
    _, apply = compiled("orientation_noise")
    identity = jnp.tile(IDENTITY, (NUM, 1))
    _, step = apply(keys, 1.0, identity, TRUTH._replace(orientation=IDENTITY), SCENE)
    expected = rotations.multiply(step.orientation, rotations.multiply(episode, TURN))
    np.testing.assert_allclose(player.step().orientation, expected, atol=1e-6)


def test_together_an_environments_readings_follow_from_its_key_alone():
    nodes = {name: {"enabled": None, **term.law} for name, term in TERMS.items()}
    pipeline = Pipeline(sensing.TERMS, ConfigDict({"randomization": "all", "terms": nodes}))
    begin, apply = jax.jit(pipeline.begin), jax.jit(pipeline.apply)
    strengths = {name: jnp.ones(50) for name in TERMS}
    truth, scene = jax.tree.map(lambda x: jnp.broadcast_to(x, (50, *x.shape)), (TRUTH, SCENE))

    def second_reading(keys):
        memory = begin(keys, strengths, truth, scene)
        memory, _ = apply(keys, strengths, memory, truth, scene)
        return apply(following(keys), strengths, memory, truth, scene)[1]

    keys = jax.random.split(jax.random.key(0), 50)
    once, among_others = second_reading(keys), second_reading(jnp.roll(keys, 7))
    for reading, same in zip(once, among_others, strict=True):
        np.testing.assert_array_equal(np.roll(reading, 7, axis=0), same)
    assert len(np.unique(once.position[:, 0])) == 50


def test_a_marker_is_hidden_by_what_is_close_and_by_nothing_else():
    player = Player("marker_occlusion", num=4, marker_distance=0.018, object_distance=0.008)
    player.step(moved(0.0))
    scene = SCENE._replace(
        spacing=jnp.array([0.017, 0.019, 0.1, 0.1, 0.1]),
        clearance=jnp.array([0.1, 0.1, 0.007, 0.009, -0.001]),
    )
    for distance in (0.01, 0.02):
        sensed = player.step(moved(distance), scene)
        shift = (sensed.fingertips - TRUTH.fingertips)[..., 0]
        kept = [0.0, distance, 0.0, distance, 0.0]
        np.testing.assert_allclose(shift, np.tile(kept, (4, 1)), atol=1e-6)
        np.testing.assert_allclose(sensed.position, moved(distance).position[None].repeat(4, 0))
    sensed = player.step(moved(0.03))
    np.testing.assert_array_equal(sensed.fingertips[0], moved(0.03).fingertips)


def test_a_marker_that_was_never_seen_gives_the_first_reading_there_is():
    player = Player("marker_occlusion", num=4)
    scene = SCENE._replace(spacing=jnp.zeros(5))
    for distance in (0.01, 0.02):  # `begin` received the truth, which is not a reading
        sensed = player.step(moved(distance), scene)
        np.testing.assert_array_equal(sensed.fingertips[0], moved(0.01).fingertips)


def test_strength_is_the_share_of_close_markers_that_are_hidden():
    player = Player("marker_occlusion", strength=0.3)
    player.step()
    sensed = player.step(moved(0.01), SCENE._replace(clearance=jnp.zeros(5)))
    hidden = (sensed.fingertips == TRUTH.fingertips).all(axis=-1)
    assert hidden.mean(axis=0) == pytest.approx(np.full(5, 0.3), abs=0.02)


def test_markers_are_lost_at_their_rates_each_by_itself():
    player = Player("marker_dropout", fingertip_rate=5.0, object_rate=2.0)
    first = player.step()
    np.testing.assert_array_equal(first.fingertips[0], TRUTH.fingertips)  # none lost at first
    sensed = player.step(moved(0.01))
    lost = (sensed.fingertips == TRUTH.fingertips).all(axis=-1)
    object_lost = (sensed.position == TRUTH.position).all(axis=-1)
    assert lost.mean(axis=0) == pytest.approx(np.full(5, 1 - np.exp(-5 * DT)), abs=0.02)
    assert object_lost.mean() == pytest.approx(1 - np.exp(-2 * DT), abs=0.015)
    together = np.corrcoef(np.column_stack([lost, object_lost]).T)
    np.testing.assert_allclose(together, np.eye(6), atol=0.04)


def test_rates_are_the_published_ones_and_scale_with_strength():
    for strength in (1.0, 0.5):
        player = Player("marker_dropout", strength)
        player.step()
        lost = np.asarray(player.memory.fingertips)
        assert lost.mean() == pytest.approx(1 - np.exp(-strength * 0.2 * DT), rel=0.1)


def test_a_lost_marker_stays_where_it_was_for_a_second_in_the_mean():
    player = Player("marker_dropout", fingertip_rate=0.0, object_rate=0.0)
    player.memory = player.memory._replace(
        fingertips=jnp.zeros((NUM, 5), bool).at[:, 2].set(True), object=jnp.ones(NUM, bool)
    )
    finger_time, object_time = np.zeros(NUM), np.zeros(NUM)
    for step in range(1, 151):
        signal = moved(0.001 * step)._replace(orientation=IDENTITY)
        sensed = player.step(signal)
        kept = np.asarray(sensed.fingertips == TRUTH.fingertips).all(axis=-1)
        assert not kept[:, [0, 1, 3, 4]].any()
        object_kept = np.asarray(sensed.position == TRUTH.position).all(axis=-1)
        np.testing.assert_array_equal((sensed.orientation == TURN).all(axis=-1), object_kept)
        finger_time += DT * kept[:, 2]
        object_time += DT * object_kept
    for time in (finger_time, object_time):
        assert time.min() == pytest.approx(DT)
        assert time.mean() == pytest.approx(1.0, rel=0.03)
        # Memoryless: markers lost for 1 s last another second as often as all lost markers.
        longer, twice = (time > 1.0).mean(), (time > 2.0).mean()
        assert twice == pytest.approx(longer**2, abs=0.015)


def test_late_episodes_read_everything_one_control_step_late():
    player = Player("observation_delay")
    late = np.asarray(player.memory.late)
    assert late.mean() == pytest.approx(0.2, abs=0.015)
    read = [player.step(moved(0.01 * step)) for step in (1, 2, 3)]
    shifts = [sensed.position[:, 0] - TRUTH.position[0] for sensed in read]
    np.testing.assert_allclose(shifts[0], 0.01, atol=1e-6)  # there is no reading before the first
    np.testing.assert_allclose(shifts[1], np.where(late, 0.01, 0.02), atol=1e-6)
    np.testing.assert_allclose(shifts[2], np.where(late, 0.02, 0.03), atol=1e-6)
    np.testing.assert_allclose(
        read[2].fingertips - TRUTH.fingertips,
        np.broadcast_to(shifts[2][:, None, None], (NUM, 5, 3)),
        atol=1e-6,
    )


def test_the_scene_knows_how_close_markers_are():
    half = 0.025
    truth = sensing.Sensed(
        # Links upright: markers are at these points plus `MARKER`.
        fingertips=jnp.array([[0.0, 0, 0], [0.02, 0, 0], [0.05, 0, 0], [0, 0.3, 0], [0, 0, 0.5]])
        - sensing.MARKER,
        position=jnp.array([0.0, 0.3 + half + 0.004, 0.0]),
        orientation=jnp.array([0.5**0.5, 0.0, 0.5**0.5, 0.0]),  # a quarter turn about y
    )
    links = jnp.tile(IDENTITY, (5, 1))
    shape = surface.surface(hand.load_model("block"))
    scene = sensing.make_scene(shape, truth, links, 1.0, DT)
    np.testing.assert_allclose(scene.spacing, [0.02, 0.02, 0.03, 0.3, 0.5], rtol=1e-5)
    assert scene.clearance[3] == pytest.approx(0.004, abs=1e-6)
    larger = sensing.make_scene(shape, truth, links, 1.1, DT)
    assert larger.clearance[3] == pytest.approx(0.004 - 0.1 * half, abs=1e-6)

    def batched(tree):
        return jax.tree.map(lambda x: jnp.stack([x, x]), tree)

    both = sensing.make_scene(shape, batched(truth), batched(links), jnp.array([1.0, 1.1]), DT)
    np.testing.assert_allclose(both.clearance, [scene.clearance, larger.clearance], atol=1e-7)
    assert both.control_dt.shape == (2,)


def test_markers_turn_with_their_links():
    truth = TRUTH._replace(orientation=IDENTITY)
    shape = surface.surface(hand.load_model("sphere"))
    scene = sensing.make_scene(shape, truth, SCENE.links, 1.0, DT)
    marker = np.asarray(TRUTH.fingertips) + np.roll(sensing.MARKER, 1)
    expected = np.linalg.norm(marker - TRUTH.position, axis=-1) - 0.027
    np.testing.assert_allclose(scene.clearance, expected, atol=1e-6)
