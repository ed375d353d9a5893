"""Whether memory matters: policies with and without it, under all randomisations and under none.

After Table 5 and Section 6.4 of OpenAI (2018), whose three variants these are. What the memory
knows of the hand is then read from it by a linear probe.
"""

import functools
import sys
from collections.abc import Callable, Sequence

from dactyl_jax import evaluation
from dactyl_jax.envs import Reorientation, make_environment
from dactyl_jax.learning import PolicyAgent
from experiments import cli, runs, study

_NETWORKS = {
    "lstm": ("LSTM policy and value", True, True),
    "lstm_value": ("memoryless policy, LSTM value", False, True),
    "memoryless": ("memoryless policy and value", False, False),
}
_WORLDS = ("all", "none")
STUDY = study.Study(
    name="memory",
    title="Memory",
    variants={
        f"{network}-{world}": study.Variant(
            f"{label}, randomisation: {world}",
            {
                "network.memory": policy,
                "network.value_memory": value,
                "randomization": world,
            },
        )
        for world in _WORLDS
        for network, (label, policy, value) in _NETWORKS.items()
    },
    tests={"own": study.Test("as in training")},
    pairs=[
        (f"lstm-{world}", f"{other}-{world}")
        for world in _WORLDS
        for other in ("lstm_value", "memoryless")
    ],
    steps=400_000,
    seeds=3,
)
_PROBED = "lstm-all"
_EPISODES_PER_TRIAL, _FEWEST = 10, 100
_MOMENTS_S = (0.08, 0.4, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


def probe(planned: Sequence[study.Run], trials: int) -> study.Record:
    """Probes the memory of the policies that have one, in the world they were trained in."""
    probed = [run for run in planned if run.variant == _PROBED]
    episodes = max(_EPISODES_PER_TRIAL * trials, _FEWEST)
    task = cli.for_trials(probed[0].config, study.TRIAL_SEED)
    task.env.bank_size = episodes
    task.engine = probed[0].config.engine
    environment = functools.cache(functools.partial(make_environment, task))
    results = []
    for run in probed:
        checkpoint = runs.load_policy(str(run.folder))
        measured_on = {
            "task": study.task_fields(task),
            "episodes": episodes,
            "moments_s": list(_MOMENTS_S),
            "checkpoint_step": checkpoint.steps,
        }
        measure = functools.partial(_probe, environment, checkpoint.agent, episodes)
        results.append(study.measured_once(run.folder / "probe.json", measured_on, measure))
        print(f"{run.name}: {episodes} episodes probed", flush=True)
    return {"probe": {"variant": _PROBED, "episodes": episodes, "runs": results}}


def _probe(
    environment: Callable[[], Reorientation], agent: PolicyAgent, episodes: int
) -> study.Record:
    """What one policy's memory knows at each of the moments."""
    env = environment()
    steps = [round(moment / env.control_dt) for moment in _MOMENTS_S]
    recorded = evaluation.record_episodes(
        env,
        agent,
        episodes=episodes,
        steps=steps,
        seed=study.TRIAL_SEED,
        goal_distance=evaluation.goal_distance("near", 0.0),
    )
    return evaluation.probe(recorded, [step * env.control_dt for step in steps])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `study.main`."""
    return study.main(STUDY, summary=__doc__ or "", argv=argv, finish=probe)


if __name__ == "__main__":
    sys.exit(main())
