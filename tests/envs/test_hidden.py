"""Hidden state: the value function alone observes all that was drawn or is remembered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import envs, hand, randomization
from dactyl_jax.envs import hidden, observation
from dactyl_jax.randomization import actuation, sensing
from dactyl_jax.randomization.terms import StepTerm

NUM = 8
FAR = jnp.float32(jnp.pi)
STEP_TERMS = (*actuation.TERMS, *sensing.TERMS)
TRUE = 142  # size of the true state, which precedes the hidden state


class Spy:
    """An engine that records its last arguments, whether traced or not."""

    def __init__(self, engine):
        self.engine, self.name, self.model = engine, engine.name, engine.model

    def step(self, parameters, state, num_steps):
        self.given = state
        return self.engine.step(parameters, state, num_steps)


def _config(preset, **fields):
    config = config_lib.default()
    config.engine = "native"
    config.randomization = preset
    config.env.bank_size = 16
    config.env.value_observation = "privileged"
    config.update_from_flattened_dict({key.replace("__", "."): v for key, v in fields.items()})
    return config


@pytest.fixture(scope="module")
def env():
    """Makes an environment with all terms, and a force on the object every other step."""
    return envs.make_environment(
        _config(
            "all",
            terms__observation_delay__enabled=True,
            terms__object_force__probability_low=0.5,
            terms__object_force__probability_high=0.5,
        )
    )


@pytest.fixture(scope="module")
def played(env):
    """Returns states before and after a random step, its outcome, and the engine's arguments."""
    spy = Spy(env.engine)
    world = envs.Reorientation(env.config, spy)

    @jax.jit
    def step(state, action):
        return *world.step(state, action), spy.given

    after = env.reset(jax.random.key(0), NUM, FAR)
    for key in jax.random.split(jax.random.key(1), 3):
        before = after
        after, outcome, given = step(before, jax.random.randint(key, (NUM, 20), 0, 11))
    assert not np.any(outcome.done)
    return before, after, outcome, given


def _named(env, numbers):
    """Splits the value function's observation `[E, ...]` into hidden parts by name."""
    ends = TRUE + np.cumsum([part.size for part in env.hidden_parts])
    assert ends[-1] == numbers.shape[1] == env.value_size
    columns = np.split(np.asarray(numbers), [TRUE, *ends[:-1]], axis=1)[1:]
    return {part.name: x for part, x in zip(env.hidden_parts, columns, strict=True)}


def test_names_and_sizes_are_those_of_what_is_remembered(env, played):
    before, after, outcome, _ = played
    np.testing.assert_array_equal(outcome.terminal_observation.value, after.observation.value)
    enabled = [i for i, term in enumerate(randomization.TERMS) if term.enabled(env.config)]
    for state in (before, after):
        found = _named(env, state.observation.value)
        assert len(found) == len(env.hidden_parts)
        dropout, play = state.episode.sensing["marker_dropout"], state.episode.actuation["backlash"]
        for name, value in {
            "drawn": state.episode.draw.numbers,
            "strengths": state.episode.draw.strengths[:, enabled],
            "backlash.position": play.position,
            "backlash.up": play.up,
            "action_delay.late": state.episode.actuation["action_delay"].late,
            "marker_dropout.fingertips": dropout.fingertips,
            "marker_dropout.last.fingertips": dropout.last.fingertips.reshape(NUM, 15),
            "marker_dropout.object": dropout.object[:, None],
            "marker_placement.on_base": state.episode.sensing["marker_placement"].on_base,
            "fingertip_noise": state.episode.sensing["fingertip_noise"].reshape(NUM, 15),
            "time_step": state.episode.actuation["time_step"][:, None],
            "noisy_average.value": state.episode.noisy_average.value,
            "noisy_average.weight": state.episode.noisy_average.weight[:, None],
        }.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    units = {part.name: part.unit for part in env.hidden_parts}
    assert units["backlash.position"] == "1" and units["backlash.up"] == "1/(rad s)"
    assert units["fingertip_noise"] == "m" and units["motor_targets"] == "rad"


@pytest.mark.parametrize("term", STEP_TERMS, ids=lambda term: term.name)
def test_all_that_a_term_remembers_is_shown(env, played, term):
    _, state, _, _ = played
    unseen = env.unseen(state)
    shown = np.asarray(hidden.flat(unseen))
    np.testing.assert_array_equal(shown, state.observation.value[:, TRUE:])
    group = "actuation" if term in actuation.TERMS else "sensing"
    memory = getattr(unseen, group)
    leaves, tree = jax.tree.flatten(memory[term.name])
    places = [part.name.split(".")[0] for part in env.hidden_parts for _ in range(part.size)]
    assert places.count(term.name) == sum(leaf[0].size for leaf in leaves) > 0
    changed = np.zeros(shown.shape, bool)
    for i, leaf in enumerate(leaves):
        other = [*leaves[:i], ~leaf if leaf.dtype == bool else leaf + 1, *leaves[i + 1 :]]
        replaced = memory | {term.name: jax.tree.unflatten(tree, other)}
        now = np.asarray(hidden.flat(unseen._replace(**{group: replaced})))
        assert np.count_nonzero(now != shown) == leaf.size
        changed |= now != shown
    np.testing.assert_array_equal(changed, np.tile(np.array(places) == term.name, (NUM, 1)))
    named = {part.name for part in env.hidden_parts}
    assert {f"{term.name}.{field}".rstrip(".") for field in term.units} <= named


def test_what_the_motors_got_is_shown_and_not_what_the_controller_wants(env, played):
    _, state, _, given = played
    found = _named(env, state.observation.value)
    np.testing.assert_array_equal(found["motor_targets"], given.ctrl)
    pushed = np.asarray(given.qfrc_applied)[:, hand.layout(env.engine.model).object_qvel[:3]]
    np.testing.assert_array_equal(found["force"], pushed)
    assert np.all(np.any(pushed != 0, axis=1))
    assert np.mean(found["motor_targets"] != np.asarray(state.episode.physics.ctrl)) > 0.9


def test_a_new_term_needs_no_line_of_its_own(monkeypatch, tmp_path):
    def begin(key, law, strength, signal, scene):
        return {"seen": jnp.zeros((2, 3)), "nested": (key, jnp.asarray(True), jnp.arange(4))}

    def apply(key, law, strength, memory, signal, scene):
        return memory, signal

    term = StepTerm("new", "unmodelled", "nobody", {"size": 1.0}, begin, apply)
    monkeypatch.setattr(actuation, "ON_MOTORS", (*actuation.ON_MOTORS, term))
    monkeypatch.setattr(actuation, "TERMS", (*actuation.TERMS, term))
    monkeypatch.setattr(randomization, "TERMS", (*randomization.TERMS, term))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # banks have a strength of each term
    world = envs.make_environment(_config("none", terms__new__enabled=True))
    assert [(part.name, part.size, part.unit) for part in world.hidden_parts[:4]] == [
        ("strengths", 1, "1"),
        ("new.nested.1", 1, "1"),
        ("new.nested.2", 4, "1"),
        ("new.seen", 6, "1"),
    ]
    found = _named(world, world.reset(jax.random.key(0), NUM, FAR).observation.value)
    np.testing.assert_array_equal(found["new.nested.1"], np.ones((NUM, 1)))
    np.testing.assert_array_equal(found["new.nested.2"], np.tile(np.arange(4), (NUM, 1)))


def test_without_randomisation_the_controller_s_own_commands_are_left():
    world = envs.make_environment(_config("none"))
    sizes = {part.name: part.size for part in world.hidden_parts}
    averages = {"noisy_average.value": 20, "noisy_average.weight": 1}
    assert sizes == {**averages, "motor_targets": 20, "force": 3}
    start = world.reset(jax.random.key(0), NUM, FAR)
    bins = jax.random.randint(jax.random.key(1), (NUM, 20), 0, 11)
    after, outcome = jax.jit(world.step)(start, bins)
    assert not np.any(outcome.done)
    for state in (start, after):
        found = _named(world, state.observation.value)
        np.testing.assert_array_equal(found["noisy_average.value"], state.episode.average.value)
        np.testing.assert_array_equal(
            found["noisy_average.weight"][:, 0], state.episode.average.weight
        )
        np.testing.assert_array_equal(found["motor_targets"], state.episode.physics.ctrl)
        assert not found["force"].any()


def test_runs_that_smooth_targets_have_no_average_of_actions(env, played):
    config = env.config.copy_and_resolve_references()
    config.env.smoothed = "target"
    _, state, _, _ = played
    names = {part.name for part in hidden.parts(hidden.of(config, state.episode))}
    ours = {part.name for part in env.hidden_parts}
    assert ours - names == {"noisy_average.value", "noisy_average.weight"} and names < ours


def test_a_teacher_sees_it_whole_and_a_policy_nothing(env):
    fields = {"terms__observation_delay__enabled": True, "env__policy_observation": "state"}
    teacher = envs.make_environment(_config("all", **fields))
    assert teacher.policy_size == teacher.value_size == env.value_size
    state = teacher.reset(jax.random.key(0), NUM, FAR)
    np.testing.assert_array_equal(state.observation.policy, state.observation.value)
    assert env.policy_size == observation.size(observation.policy_parts(env.config.env)) == 22
