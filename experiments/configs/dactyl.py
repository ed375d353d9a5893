"""For one accelerator of the H100 class: the CPU's recipe with the paper's networks, 16 times as
many hands, and randomisation that widens as the policy copes."""

from experiments.configs import quick


def get_config():
    """The quick preset, at full scale."""
    config = quick.get_config()
    config.num_envs = 8192
    config.randomization = "all"
    config.adr.enabled = True
    config.env.bank_size = 2048
    config.env.bank_redraw = 50
    config.network.dense = (1024,)
    config.network.lstm = 512
    config.run.max_minutes = 50.0
    return config
