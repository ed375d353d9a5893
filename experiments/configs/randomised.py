"""For two or more CPU cores: a recurrent policy under all randomisations, over hours or days.

Randomisation starts near nothing and widens by itself. docs/recipe.md says how the values were
chosen and how far a run gets.
"""

from experiments.configs import quick


def get_config():
    """The networks of `quick` at twice the size, and more time for each goal."""
    config = quick.get_config()
    config.randomization = "all"
    config.adr.enabled = True
    config.env.bank_redraw = 25
    config.env.value_observation = "privileged"
    config.env.goal_timeout_s = 16.0
    config.env.reward.drop = -3.0
    config.adr.episodes = 8
    config.adr.widen_share = 0.8
    config.adr.narrow_share = 0.6
    config.curriculum.goals_per_minute = 4.0
    # Smaller policy changes than in `quick`: larger ones are faster only in the beginning.
    config.ppo.kl_low = 0.02
    config.ppo.kl_high = 0.04
    config.network.dense = (256,)
    config.network.lstm = 256
    config.run.max_minutes = 600.0
    return config
