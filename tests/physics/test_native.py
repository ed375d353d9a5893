"""The native engine: correct constants, no state from earlier calls, no silent failures."""

import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from dactyl_jax import physics
from dactyl_jax.physics import NativeEngine

FREE_BLOCK = """
<mujoco>
  <worldbody>
    <body name="object" pos="0 0 1">
      <freejoint name="object_joint"/>
      <geom type="box" size=".025 .025 .025" mass=".08"/>
    </body>
  </worldbody>
</mujoco>
"""


def test_a_heavier_free_block_falls_as_gravity_says():
    model = mujoco.MjModel.from_xml_string(FREE_BLOCK)
    parameters = physics.nominal_parameters(model, 3, ["body_mass", "body_inertia"])
    parameters["body_mass"] *= np.array([1.0, 1.43, 0.5], np.float32)[:, None]
    state = physics.initial_state(model, 3)
    steps = 50
    stepped, info = NativeEngine(model).step(parameters, state, steps)
    # Semi-implicit Euler: n steps of h from rest fall g h^2 n (n + 1) / 2.
    fallen = 9.81 * model.opt.timestep**2 * steps * (steps + 1) / 2
    np.testing.assert_allclose(stepped.qpos[:, 2], 1 - fallen, rtol=1e-6)
    np.testing.assert_allclose(stepped.time, steps * model.opt.timestep, rtol=1e-6)
    assert not np.any(info.diverged)
    assert not np.any(info.overflow)


def test_contact_force_carries_the_weight():
    xml = FREE_BLOCK.replace('pos="0 0 1"', 'pos="0 0 .025"').replace(
        "<worldbody>", '<worldbody><geom type="plane" size="1 1 1"/>'
    )
    model = mujoco.MjModel.from_xml_string(xml)
    parameters = physics.nominal_parameters(model, 2, ["body_mass", "body_inertia"])
    for values in parameters.values():
        values[1] *= 2
    _, info = NativeEngine(model).step(parameters, physics.initial_state(model, 2), 1000)
    weights = np.outer([0.08, 0.16], [0, 0, 9.81])
    np.testing.assert_allclose(info.contact_force, weights, atol=1e-3)


def test_equals_a_loop_over_mj_step(hand_model, parameters_for, targets_for):
    drawn = parameters_for(hand_model, 2)
    state = targets_for(hand_model, 2)
    stepped, info = NativeEngine(hand_model).step(drawn, state, 20)
    model = NativeEngine(hand_model).model
    for name, values in drawn.items():
        if name in ("gravity", "timestep"):
            setattr(model.opt, name, values[1])
        else:
            getattr(model, name)[:] = values[1]
    data = mujoco.MjData(model)
    mujoco.mj_setConst(model, data)
    data.qpos[:], data.ctrl[:] = state.qpos[1], state.ctrl[1]
    data.qvel[:] = data.qacc_warmstart[:] = 0
    for _ in range(20):
        mujoco.mj_step(model, data)
    np.testing.assert_allclose(stepped.qpos[1], data.qpos, atol=1e-6)
    np.testing.assert_allclose(stepped.qvel[1], data.qvel, atol=1e-5)
    np.testing.assert_allclose(stepped.qacc_warmstart[1], data.qacc_warmstart, rtol=1e-5, atol=1e-5)
    start = hand_model.jnt_dofadr[hand_model.joint("object_joint").id]
    np.testing.assert_allclose(
        info.contact_force[1], data.qfrc_constraint[start : start + 3], atol=1e-5
    )


def test_interleaved_sets_of_environments_do_not_mix(
    hand_model, parameters_for, targets_for, bitwise_equal
):
    sets = [(parameters_for(hand_model, 5, s), targets_for(hand_model, 5, s)) for s in (0, 1)]
    # Half of the second set's rows equal the first's: only the others must be rewritten.
    for name, values in sets[1][0].items():
        values[:2] = sets[0][0][name][:2]
    together = NativeEngine(hand_model)
    states = [state for _, state in sets]
    for _ in range(3):
        for i, (parameters, _) in enumerate(sets):
            states[i], _ = together.step(parameters, states[i], 5)
    for i, (parameters, state) in enumerate(sets):
        alone = NativeEngine(hand_model)
        for _ in range(3):
            state, _ = alone.step(parameters, state, 5)
        assert bitwise_equal(states[i], state)


def test_fields_left_out_have_the_models_values(
    hand_model, parameters_for, targets_for, bitwise_equal
):
    state = targets_for(hand_model, 3)
    engine = NativeEngine(hand_model)
    engine.step(parameters_for(hand_model, 3), state, 2)
    assert bitwise_equal(engine.step({}, state, 5), NativeEngine(hand_model).step({}, state, 5))


def test_same_bits_with_any_number_of_threads(
    hand_model, parameters_for, targets_for, bitwise_equal
):
    arguments = parameters_for(hand_model, 7), targets_for(hand_model, 7), 10
    one, three = (NativeEngine(hand_model, threads=n).step(*arguments) for n in (1, 3))
    assert bitwise_equal(one, three)


def test_compiled_scan_equals_eager_calls(hand_model, parameters_for, targets_for, bitwise_equal):
    engine = NativeEngine(hand_model)
    parameters, state = parameters_for(hand_model, 4), targets_for(hand_model, 4)

    @jax.jit
    def play(parameters, state):
        return jax.lax.scan(lambda state, _: engine.step(parameters, state, 10), state, length=6)

    compiled, infos = play(parameters, state)
    for t in range(6):
        state, info = engine.step(parameters, state, 10)
        assert bitwise_equal(jax.tree.map(lambda x, t=t: x[t], infos), info)
    assert bitwise_equal(compiled, state)


def test_a_thousand_environments_in_a_compiled_scan(hand_model):
    """Large arguments must reach the callback without waiting for the callback's thread."""
    engine = NativeEngine(hand_model)
    mass = jnp.asarray(physics.nominal_parameters(hand_model, 2048, ["body_mass"])["body_mass"])

    @jax.jit
    def play(mass, state):
        def step(state, scale):
            return engine.step({"body_mass": mass * scale}, state, 1)[0], None

        return jax.lax.scan(step, state, jnp.linspace(1.0, 1.1, 4))[0]

    played = play(mass, physics.initial_state(hand_model, 2048))
    np.testing.assert_allclose(played.time, 4 * hand_model.opt.timestep, rtol=1e-6)


def test_a_saved_row_continues_in_another_engine(
    hand_model, parameters_for, targets_for, bitwise_equal
):
    parameters, state = parameters_for(hand_model, 3), targets_for(hand_model, 3)
    force = np.random.default_rng(0).normal(size=state.qvel.shape).astype(np.float32)
    state = dataclasses.replace(state, qfrc_applied=0.01 * force)
    engine = NativeEngine(hand_model)
    saved, _ = engine.step(parameters, state, 10)
    assert bitwise_equal((saved.ctrl, saved.qfrc_applied), (state.ctrl, state.qfrc_applied))
    expected = engine.step(parameters, saved, 10)
    assert bitwise_equal(NativeEngine(hand_model).step(parameters, saved, 10), expected)


def test_applied_force_accelerates_its_own_environment_only():
    model = mujoco.MjModel.from_xml_string(FREE_BLOCK)
    state = physics.initial_state(model, 2)
    push = np.zeros((2, 6), np.float32)
    push[1, 0] = 0.08
    state = dataclasses.replace(state, qfrc_applied=push)
    stepped, _ = NativeEngine(model).step({}, state, 100)
    np.testing.assert_allclose(stepped.qvel[:, 0], [0, 100 * model.opt.timestep], rtol=1e-5)


@pytest.mark.parametrize(
    ("field", "value"), [("qvel", 1e12), ("qvel", np.nan), ("qpos", np.inf), ("ctrl", np.nan)]
)
def test_divergence_is_flagged_and_stays_alone(hand_model, field, value, bitwise_equal):
    state = physics.initial_state(hand_model, 3)
    bad = np.array(getattr(state, field))
    bad[1, 3] = value
    engine = NativeEngine(hand_model)
    stepped, info = engine.step({}, dataclasses.replace(state, **{field: bad}), 10)
    assert info.diverged.tolist() == [False, True, False]
    expected, clean = NativeEngine(hand_model).step({}, state, 10)
    assert not clean.diverged.any()
    for row in (0, 2):
        ours, theirs = (jax.tree.map(lambda x, row=row: x[row], s) for s in (stepped, expected))
        assert bitwise_equal(ours, theirs)
    # The bad row does not affect later calls.
    assert bitwise_equal(engine.step({}, state, 10), (expected, clean))


def test_parameters_that_mujoco_refuses_diverge_until_they_are_replaced(hand_model, bitwise_equal):
    engine = NativeEngine(hand_model)
    state = physics.initial_state(hand_model, 3)
    nominal = physics.nominal_parameters(hand_model, 3, ["body_mass", "body_inertia"])
    broken = {name: values.copy() for name, values in nominal.items()}
    broken["body_mass"][1] = np.nan
    broken["body_inertia"][1] = np.nan
    for _ in range(2):
        _, info = engine.step(broken, state, 5)
        assert info.diverged.tolist() == [False, True, False]
    assert bitwise_equal(
        engine.step(nominal, state, 5), NativeEngine(hand_model).step(nominal, state, 5)
    )


def test_a_model_without_an_object_is_refused():
    model = mujoco.MjModel.from_xml_string(FREE_BLOCK.replace("object_joint", "other"))
    with pytest.raises(ValueError, match="object_joint"):
        NativeEngine(model)


ON_ONE_CPU = f"""
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import dactyl_jax
import jax
import mujoco
import numpy as np
from dactyl_jax import physics

model = mujoco.MjModel.from_xml_string({FREE_BLOCK!r})
engine = physics.NativeEngine(model)
state = physics.initial_state(model, 8192)
assert state.qpos.nbytes > 100_000
step = jax.jit(lambda state: engine.step({{}}, state, 1))
# With arrays still in transfer, JAX runs the step on another thread than the caller's.
for _ in range(5):
    jax.block_until_ready(step(jax.tree.map(np.array, state)))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot pin processes")
def test_one_cpu_is_enough():
    """With a single XLA thread, a callback that waits for large arguments would never return."""
    environment = {key: value for key, value in os.environ.items() if "NPROC" not in key}
    command = [sys.executable, "-c", ON_ONE_CPU]
    subprocess.run(command, check=True, timeout=120, env=environment)
