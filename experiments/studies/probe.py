"""What a policy's memory encodes about the hand, measured by a linear probe."""

import functools
from collections.abc import Callable, Sequence

from dactyl_jax import evaluation
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.learning import PolicyAgent
from experiments.runs import policies
from experiments.runs.trials import for_trials
from experiments.studies.design import Run
from experiments.studies.measurement import TRIAL_SEED, measured_once, task_fields
from experiments.studies.record import Record

_EPISODES_PER_TRIAL, _FEWEST = 10, 100
_MOMENTS_S = (0.08, 0.4, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


def probe(planned: Sequence[Run], trials: int, *, variant: str) -> Record:
    """Probes the memory of a variant's policies in their training world.

    Args:
        planned: all runs of the study.
        trials: trials per evaluation; the probe uses ten times as many episodes.
        variant: the variant, whose policies must have memory.
    """
    probed = [run for run in planned if run.variant == variant]
    episodes = max(_EPISODES_PER_TRIAL * trials, _FEWEST)
    task = for_trials(probed[0].config, TRIAL_SEED)
    task.env.bank_size = episodes
    task.engine = probed[0].config.engine
    environment = functools.cache(functools.partial(make_environment, task))
    results = []
    for run in probed:
        checkpoint = policies.load_policy(str(run.folder))
        measured_on = {
            "task": task_fields(task),
            "episodes": episodes,
            "moments_s": list(_MOMENTS_S),
            "checkpoint_step": checkpoint.steps,
        }
        measure = functools.partial(_probe, environment, checkpoint.agent, episodes)
        results.append(measured_once(run.folder / "probe.json", measured_on, measure))
        print(f"{run.name}: {episodes} episodes probed", flush=True)
    return {"probe": {"variant": variant, "episodes": episodes, "runs": results}}


def _probe(environment: Callable[[], Reorientation], agent: PolicyAgent, episodes: int) -> Record:
    """Measures what one policy's memory encodes at each of the moments."""
    env = environment()
    steps = [round(moment / env.control_dt) for moment in _MOMENTS_S]
    recorded = evaluation.record_episodes(
        env,
        agent,
        episodes=episodes,
        steps=steps,
        seed=TRIAL_SEED,
        goal_distance=evaluation.goal_distance("near", 0.0),
    )
    return evaluation.probe(recorded, [step * env.control_dt for step in steps])
