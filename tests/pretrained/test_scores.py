"""The package's policies reproduce their published scores, on new initial states and hands."""

import pytest

from dactyl_jax import evaluation, pretrained
from dactyl_jax.envs import make_environment
from dactyl_jax.pretrained import store
from experiments import publish
from experiments.evaluation import scoring
from experiments.runs.trials import for_trials

SHIPPED = [name for name in pretrained.NAMES if (store.ROOT / name).exists()]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_the_score_repeats_on_fresh_seeds_and_beats_chance(name):
    config, _, metrics = pretrained.load(name)
    published = metrics["evaluation"]["own"]
    seed = published["policy"]["seed"] + 1
    config = for_trials(config, seed)
    config.env.goal_timeout_s = publish.GOAL_TIMEOUT_S
    result = scoring.evaluate(
        make_environment(config),
        pretrained.policy(name).agent,
        trials=published["policy"]["trials"],
        seed=seed,
        distribution="uniform",
        final_distance=0.0,
        checkpoint_step=None,
    )
    ours, theirs = (x["goals"]["per_trial"] for x in (result, published["policy"]))
    low, high = evaluation.difference_interval(ours, theirs, paired=False)
    assert low <= 0 <= high, "the difference of the means from what was published"
    for agent in ("zero", "random"):
        others = published[agent]["goals"]["per_trial"]
        assert evaluation.difference_interval(ours, others, paired=False)[0] > 0
