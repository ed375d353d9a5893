"""Files of diverged simulations reproduce the divergence."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax import hand, physics


@pytest.fixture(scope="module")
def engine() -> physics.NativeEngine:
    return physics.NativeEngine(hand.load_model())


def given(engine, factors: list[float]):
    """Returns one environment per damping factor, with the fingers closing to a grasp."""
    state = physics.initial_state(engine.model, len(factors))
    state = dataclasses.replace(state, ctrl=jnp.full_like(state.ctrl, 0.3))
    fields = ("dof_damping", "geom_friction")
    parameters = physics.nominal_parameters(engine.model, len(factors), fields)
    parameters["dof_damping"] *= np.array(factors, np.float32)[:, None]
    return {name: jnp.asarray(values) for name, values in parameters.items()}, state


def test_the_environment_that_diverged_is_kept_and_diverges_again(engine, tmp_path):
    watched = physics.WatchedEngine(engine, tmp_path / "nan", {"seed": 3})
    parameters, state = given(engine, [1.0, -10.0, 1.0])
    after, info = jax.jit(watched.step, static_argnums=2)(parameters, state, 10)
    jax.effects_barrier()
    diverged = np.asarray(info.diverged | ~physics.sound(after))
    assert diverged.tolist() == [False, True, False]
    assert sorted(file.name for file in (tmp_path / "nan").iterdir()) == [
        "diverged_000.json",
        "diverged_000.npz",
    ]
    found = physics.read_divergence(tmp_path / "nan" / "diverged_000.npz")
    assert (found.num_steps, found.engine, found.config) == (10, "native", {"seed": 3})
    for name, values in parameters.items():
        np.testing.assert_array_equal(found.parameters[name], values[1:2])
    np.testing.assert_array_equal(found.state.ctrl, state.ctrl[1:2])
    again, info = engine.step(found.parameters, found.state, found.num_steps)
    assert bool(info.diverged[0]) or not bool(physics.sound(again)[0])
    np.testing.assert_array_equal(again.qpos, after.qpos[1:2])


def test_sound_simulations_leave_nothing(engine, tmp_path):
    watched = physics.WatchedEngine(engine, tmp_path, {})
    parameters, state = given(engine, [1.0, 1.1])
    plain, _ = engine.step(parameters, state, 10)
    after, _ = jax.jit(watched.step, static_argnums=2)(parameters, state, 10)
    jax.effects_barrier()
    np.testing.assert_array_equal(after.qpos, plain.qpos)
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "diverged_000.npz"
    with pytest.raises(ValueError, match="is not a readable divergence"):
        physics.read_divergence(file)
    np.savez(file, a=np.zeros(1))
    file.with_suffix(".json").write_text('{"format": "another"}')
    with pytest.raises(ValueError, match="is not a readable divergence"):
        physics.read_divergence(file)
