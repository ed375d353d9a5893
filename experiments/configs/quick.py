"""For two or more CPU cores: a small recurrent policy that turns the block within ten minutes."""

from dactyl_jax import config as config_lib


def get_config():
    """Small networks, fewer environments and near goals that move away as they are reached."""
    config = config_lib.default()
    config.num_envs = 512
    config.randomization = "none"
    config.env.action = "absolute"
    config.env.bank_size = 1024
    config.env.reward.drop = -8.0
    config.network.dense = (128,)
    config.network.lstm = 128
    config.network.activation = "elu"
    config.ppo.horizon = 16
    config.ppo.chunk = 8
    config.ppo.minibatches = 4
    config.ppo.passes = 4
    config.ppo.discount = 0.99
    config.ppo.entropy = 0.001
    config.ppo.kl_low = 0.03
    config.ppo.kl_high = 0.06
    config.ppo.reward_scale = 0.1
    config.run.max_minutes = 10.0
    return config
