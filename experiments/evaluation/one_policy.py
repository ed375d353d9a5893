"""Trials of one policy or baseline agent, and their results."""

from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.envs import make_environment
from dactyl_jax.evaluation import pose_errors
from experiments.evaluation import agents, scoring
from experiments.runs import policies


def measure(
    config: ConfigDict,
    run: str | None,
    *,
    agent: str,
    trials: int,
    seed: int,
    goals: str,
    latency: int | None,
    greedy: bool,
    eye: evaluation.Eye | None = None,
    dump_nan: str | None = None,
) -> dict[str, Any]:
    """Runs trials and returns their results in the format of `experiments.evaluate --json`.

    Args:
        config: configuration of the trials.
        run: the policy, see `policies.load_policy`; None if nothing of it is needed.
        agent: `policy`, `zero` or `random`.
        trials: number of trials.
        seed: seed of initial states, goals and randomisation.
        goals: goal distribution.
        latency: latency of the object's pose, control steps; None: 1 with an eye, else 0.
        greedy: whether the agent takes the most probable actions.
        eye: cameras and pose network that estimate the object's pose; None: simulated sensors.
        dump_nan: folder for diverged simulations, or None.

    Raises:
        UserError: the policy does not fit the environment.
    """
    acting = agent == "policy"
    checkpoint = policies.load_policy(run) if run else None
    env = make_environment(config, dump_nan=dump_nan)
    if acting and checkpoint is not None:
        agents.check_policy(checkpoint, env)
    if latency is None:
        latency = 0 if eye is None else 1
    result = scoring.evaluate(
        env,
        agents.make_agent(agent, checkpoint, env),
        trials=trials,
        seed=seed,
        distribution=goals,
        final_distance=checkpoint.goal_distance if checkpoint else 0.0,
        checkpoint_step=checkpoint.steps if acting and checkpoint else None,
        latency=latency,
        greedy=greedy,
        eye=eye,
    )
    if trials > 1:
        scoring.add_intervals(result)
    return {"agent": agent, "pose": "state" if eye is None else "vision", **result}


def show(result: dict[str, Any]) -> None:
    """Prints a result of `measure`."""
    print(scoring.sentence(result))
    if "mean_interval" in result["goals"]:
        low, high = result["goals"]["mean_interval"]
        print(f"95% interval of the mean: {low:.1f} to {high:.1f}")
    print("\n".join(evaluation.histogram(result["goals"]["per_trial"])))
    ends = (f"{result[name]} {name}" for name in ("drops", "timeouts", "caps", "diverged"))
    print("trials ended by: " + ", ".join(ends))
    if "doubt" in result:
        print(pose_errors.doubt_sentence(result["doubt"]))
    if result["overflows"]:
        print(f"warning: the engine's contact buffer overflowed in {result['overflows']} trials")
