"""A training iteration lowers for a TPU, without a TPU and without Warp."""

import subprocess
import sys

import pytest

_PROGRAM = """
import sys

sys.modules["warp"] = None  # as where it is not installed
import jax
from jax import export

from dactyl_jax.envs import make_environment
from experiments.training.trainer import make_trainer
from experiments.configs import quick

config = quick.get_config()
config.engine, config.randomization, config.num_envs = "mjx-jax", "all", 8
config.env.bank_size, config.ppo.horizon, config.ppo.chunk = 16, 4, 2
trainer = make_trainer(config, make_environment(config))
shape = trainer.state_shape()


def is_key(leaf):
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers(leaf):  # of keys, which cannot be exported
    return jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf


def iteration(data):
    state = jax.tree.map(
        lambda x, like: jax.random.wrap_key_data(x) if is_key(like) else x, data, shape
    )
    return trainer._run_iteration(state, None)[1]


exported = export.export(jax.jit(iteration), platforms=["tpu"])(jax.tree.map(numbers, shape))
assert exported.platforms == ("tpu",)
assert "custom_call" not in exported.mlir_module(), "nothing that only another device has"
assert not [name for name in sys.modules if name.startswith("nvidia")]
print("lowered", len(exported.mlir_module()))
"""


@pytest.mark.slow
def test_an_iteration_lowers_for_a_tpu():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 1_000_000
