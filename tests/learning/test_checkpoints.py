import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dactyl_jax.learning import (
    Checkpoints,
    Trainer,
    restore_continuation,
    restore_policy,
    restore_steps_before,
)
from dactyl_jax.learning.store import Store
from tests.learning import toy


@pytest.fixture(scope="module")
def trainer():
    return Trainer(toy.config(), toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)


def _iterate(trainer, state, num):
    for _ in range(num):
        state, _ = trainer.iteration(state)
    return state


def _save(trainer, state, workdir):
    checkpoints = Checkpoints(workdir)
    checkpoints.save(state, trainer.networks, trainer.steps(state))
    checkpoints.close()


def _restore(trainer, workdir):
    checkpoints = Checkpoints(workdir)
    try:
        return checkpoints.restore(trainer.initial_state())
    finally:
        checkpoints.close()


def _bits(tree):
    def bits(x):
        return np.asarray(
            jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        ).tobytes()

    return [bits(x) for x in jax.tree.leaves(tree)]


def test_a_restored_run_continues_bit_for_bit(trainer, tmp_path):
    straight = _iterate(trainer, trainer.initial_state(), 4)
    _save(trainer, _iterate(trainer, trainer.initial_state(), 2), tmp_path)
    state = _restore(trainer, tmp_path)
    assert trainer.steps(state) == 2 * 16 * 64
    resumed = _iterate(trainer, state, 2)
    assert jax.tree.structure(resumed) == jax.tree.structure(straight)
    assert _bits(resumed) == _bits(straight)
    assert trainer._iteration._cache_size() == 1


def test_the_last_few_are_kept_and_the_same_is_not_saved_twice(trainer, tmp_path):
    checkpoints, state = Checkpoints(tmp_path), trainer.initial_state()
    assert checkpoints.latest_iteration() is None
    for _ in range(5):
        state = _iterate(trainer, state, 1)
        checkpoints.save(state, trainer.networks, trainer.steps(state))
        checkpoints.save(state, trainer.networks, trainer.steps(state))
    assert checkpoints.latest_iteration() == 5
    checkpoints.close()
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["3", "4", "5"]


@pytest.mark.parametrize("memory", [True, False])
def test_the_policy_is_restored_alone(memory, tmp_path):
    config = toy.config()
    config.network.memory = config.network.value_memory = memory
    trainer = Trainer(config, toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)
    state = _iterate(trainer, trainer.initial_state(), 2)
    _save(trainer, state, tmp_path)
    restored = restore_policy(tmp_path)
    assert (restored.iteration, restored.steps) == (2, 2 * 16 * 64)
    np.testing.assert_allclose(restored.goal_distance, state.curriculum.goal_distance)
    assert restored.agent.network == trainer.networks.policy
    assert _bits(restored.agent.parameters) == _bits(state.learner.parameters["policy"])
    observation = state.actors.env_state.observation.policy
    output, _ = trainer.networks.policy.apply(
        state.learner.parameters["policy"],
        state.learner.normalizers.policy_observation,
        observation[None],
        jnp.ones((1, 64), bool),
        trainer.networks.policy.initial_carry(64),
    )
    logits, _ = restored.agent.logits(
        observation, restored.agent.initial_carry(64), jnp.ones(64, bool)
    )
    np.testing.assert_allclose(logits.reshape(64, -1), output[0], atol=1e-6)


def test_what_goes_on_beside_the_policy_is_restored_alone(trainer, tmp_path):
    state = _iterate(trainer, trainer.initial_state(), 1)
    assert restore_steps_before(tmp_path) is None
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, trainer.networks, 1500, 500, {"friction": 0.25})
    checkpoints.close()
    assert restore_steps_before(tmp_path) == 500
    policy, found = restore_policy(tmp_path), restore_continuation(tmp_path)
    assert (policy.steps, policy.steps_before) == (1500, 500)
    assert found.network == trainer.networks.value
    assert found.limits == {"friction": 0.25}
    learner = state.learner
    assert _bits(found.parameters) == _bits(learner.parameters["value"])
    assert _bits(found.observation) == _bits(learner.normalizers.value_observation)
    assert _bits(found.target) == _bits(learner.normalizers.value_target)
    assert _bits(found.learning_rate) == _bits(learner.learning_rate)


def test_a_checkpoint_from_before_it_was_kept_has_a_policy_only(trainer, tmp_path):
    _save(trainer, trainer.initial_state(), tmp_path)
    (file,) = (tmp_path / "checkpoints" / "0" / "description").rglob("metadata")
    description = json.loads(file.read_text())
    for name in ("value_network", "steps_before", "limits"):
        del description[name]
    file.write_text(json.dumps(description))
    assert restore_continuation(tmp_path) is None
    assert restore_policy(tmp_path).steps_before == restore_steps_before(tmp_path) == 0


def test_what_is_half_written_is_ignored_and_removed(trainer, tmp_path):
    state = _iterate(trainer, trainer.initial_state(), 1)
    _save(trainer, state, tmp_path)
    half = tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp-17"
    (half / "state").mkdir(parents=True)
    assert restore_policy(tmp_path).iteration == 1
    assert half.exists()
    assert _bits(_restore(trainer, tmp_path)) == _bits(state)
    assert not half.exists()


def test_missing_and_broken_checkpoints_are_named_in_one_line(trainer, tmp_path):
    with pytest.raises(ValueError, match="nowhere holds no checkpoint"):
        restore_policy(tmp_path / "nowhere")
    (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ValueError, match="no complete checkpoint"):
        restore_policy(tmp_path / "empty")
    _save(trainer, _iterate(trainer, trainer.initial_state(), 1), tmp_path)
    for item in ("state", "policy"):
        for folder, _, files in os.walk(tmp_path / "checkpoints" / "1" / item):
            for file in files:
                with open(os.path.join(folder, file), "r+b") as stream:
                    stream.truncate(3)
    with pytest.raises(ValueError, match="cannot be read") as error:
        restore_policy(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="cannot be read"):
        _restore(trainer, tmp_path)


def test_a_checkpoint_of_another_configuration_is_refused(trainer, tmp_path):
    _save(trainer, _iterate(trainer, trainer.initial_state(), 1), tmp_path)
    config = toy.config()
    config.num_envs = 32
    other = Trainer(config, toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)
    with pytest.raises(ValueError, match="another configuration"):
        _restore(other, tmp_path)


_PROGRAM = """
import sys
from dactyl_jax.learning import Checkpoints, Trainer
from tests.learning import toy
trainer = Trainer(toy.config(), toy.Recall(), toy.initial_curriculum(), toy.update_curriculum)
state, checkpoints = trainer.initial_state(), Checkpoints(sys.argv[1])
if checkpoints.latest_iteration():
    state = checkpoints.restore(state)
print("from", int(state.iteration), flush=True)
while int(state.iteration) < int(sys.argv[2]):
    state, _ = trainer.iteration(state)
    checkpoints.save(state, trainer.networks, trainer.steps(state))
    print("at", int(state.iteration), flush=True)
"""


@pytest.mark.slow
def test_killed_at_random_moments_a_run_always_continues(trainer, tmp_path):
    generator, reached = random.Random(0), 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(tmp_path), "1000000"],
            cwd=pathlib.Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert int(process.stdout.readline().split()[1]) >= reached
        reached = int(process.stdout.readline().split()[1])
        time.sleep(generator.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].split("\n")
        reached = max([reached] + [int(line.split()[1]) for line in lines if line.count(" ")])
        assert restore_policy(tmp_path).iteration >= reached
    state = _restore(trainer, tmp_path)
    straight = _iterate(trainer, trainer.initial_state(), int(state.iteration))
    assert _bits(state) == _bits(straight)


def test_a_full_disk_is_called_so(tmp_path, monkeypatch):
    """TensorStore calls it RESOURCE_EXHAUSTED, as JAX does a device's memory."""
    said = "RESOURCE_EXHAUSTED: Failed to write 3208 bytes: No space [os_error_code='28']"

    def fail(*_, **__):
        raise ValueError(said)

    store = Store(tmp_path)
    monkeypatch.setattr(store._manager, "save", fail)
    with pytest.raises(OSError, match=r"No space left on device.*checkpoints"):
        store.save(1, {}, tree={"x": jnp.zeros(3)})
    said = "another mistake"
    with pytest.raises(ValueError, match=said):
        store.save(1, {}, tree={"x": jnp.zeros(3)})
    store.close()
