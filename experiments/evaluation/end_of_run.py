"""The report at the end of a run: an evaluation, a learning curve and a video."""

from ml_collections import ConfigDict

from dactyl_jax import evaluation
from dactyl_jax.envs import make_environment
from dactyl_jax.learning import restore_policy
from experiments.base import files
from experiments.evaluation import scoring
from experiments.runs.trials import trial_seed
from experiments.runs.workdir import WorkDirectory

_SEED = 0  # seed of the trials; their configuration seed differs from the training seed
_VIDEO_SECONDS = 20.0


def write(workdir: WorkDirectory, config: ConfigDict) -> None:
    """Evaluates the newest checkpoint on initial states and hands unseen in training.

    Writes `report/` and `videos/`. Goals time out as in training. Randomised terms have their
    configured ranges, regardless of the limits that automatic domain randomisation reached.
    """
    trained_seed = config.seed
    config = config.copy_and_resolve_references()
    config.seed = trial_seed(_SEED)
    env = make_environment(config)
    checkpoint = restore_policy(workdir.path)
    print(f"Evaluating after {checkpoint.steps:,} control steps:", flush=True)
    results = {}
    for distribution in scoring.DISTRIBUTIONS:
        results[distribution] = scoring.evaluate(
            env,
            checkpoint.agent,
            trials=config.run.eval_trials,
            seed=_SEED,
            distribution=distribution,
            final_distance=checkpoint.goal_distance,
            checkpoint_step=checkpoint.steps,
        )
        print("  " + scoring.sentence(results[distribution]), flush=True)
    files.write_json(workdir.report / "evaluation.json", results)

    rows = workdir.read_metrics()
    if rows:
        curve = workdir.report / "learning_curve.png"
        title = f"{config.env.object}, {config.engine} engine, seed {trained_seed}"
        evaluation.draw_learning_curve(rows, curve, title=title, control_dt=env.control_dt)
        print(f"Learning curve: {curve}", flush=True)

        if config.adr.enabled:
            limits = workdir.report / "limits.png"
            evaluation.draw_limits(rows, limits, title=f"Reach of the randomisation: {title}")
            print(f"Limits of the randomisation: {limits}", flush=True)

    video = workdir.videos / "policy.mp4"
    recording = evaluation.record(
        env,
        checkpoint.agent,
        seed=_SEED,
        goal_distance=checkpoint.goal_distance,
        seconds=_VIDEO_SECONDS,
    )
    evaluation.write_recording(recording, video, env)
    print(f"Video: {video}", flush=True)
