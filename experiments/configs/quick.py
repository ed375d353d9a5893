"""The preset for two or more CPU cores: a small recurrent policy, without randomisation.

docs/recipe.md explains how its values were found.
"""

from dactyl_jax import config as config_lib


def get_config():
    """Returns the preset: small networks, few environments and a goal-distance curriculum."""
    config = config_lib.default()
    config.num_envs = 512
    config.randomization = "none"
    config.env.policy_observation = "proprioceptive"
    config.env.bank_size = 1024
    config.env.reward.drop = -8.0
    config.curriculum.goals_per_minute = 6.0
    config.network.value_memory = False
    config.network.dense = (128,)
    config.network.lstm = 128
    config.network.activation = "elu"
    config.network.ordinal = True
    config.ppo.horizon = 16
    config.ppo.chunk = 8
    config.ppo.minibatches = 8
    config.ppo.passes = 2
    config.ppo.discount = 0.995
    config.ppo.entropy = 0.001
    config.ppo.kl_low = 0.06
    config.ppo.kl_high = 0.12
    config.ppo.reward_scale = 0.1
    config.run.max_minutes = 10.0
    return config
