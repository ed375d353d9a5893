"""The preset for one H100-class accelerator.

It is the CPU recipe with the paper's network sizes, 16 times as many environments, and automatic
domain randomisation.
"""

from experiments.configs import quick


def get_config():
    """Returns the quick preset at full scale."""
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
