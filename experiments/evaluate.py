"""Measures how many goals in a row a trained policy reaches, or many policies with `--suite`.

The configuration is the one that the policy was trained with; the engine is this device's.
"""

import sys
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import cli, files


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_run_flag(values)
    cli.define_engine_flag(values)
    flags.DEFINE_enum(
        "agent",
        "policy",
        ["policy", "zero", "random"],
        "who acts: the trained policy, the middle bin of every actuator, or chance",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "greedy", False, "takes the most probable actions instead of sampling", flag_values=values
    )
    flags.DEFINE_integer("trials", 100, "how many trials", lower_bound=1, flag_values=values)
    cli.define_goals_flag(values)
    cli.define_goal_timeout_flag(values, "80")
    flags.DEFINE_enum(
        "pose",
        "state",
        ["state", "vision"],
        "what tells the policy the object's pose: the simulator's sensors, or three cameras and "
        "the network of --vision_workdir",
        flag_values=values,
    )
    flags.DEFINE_string(
        "vision_workdir",
        None,
        "with --pose=vision: work directory of experiments.train_vision; by default the package's "
        "network",
        flag_values=values,
    )
    cli.define_renderer_flag(values)
    flags.DEFINE_integer(
        "pose_latency",
        None,
        "control steps by which the object's pose reaches the policy late; by default 0 with "
        "--pose=state, 1 with --pose=vision",
        lower_bound=0,
        upper_bound=10,
        flag_values=values,
    )
    cli.define_dump_flag(values)
    flags.DEFINE_string("json", None, "a file to write the result to", flag_values=values)
    flags.DEFINE_enum(
        "suite",
        None,
        ["paper"],
        "evaluates many policies in every world, as the paper's tables do; needs --policies, --out",
        flag_values=values,
    )
    flags.DEFINE_string(
        "policies",
        None,
        "with --suite: name=DIR,name=DIR,...; each DIR is a work directory, or pretrained, or "
        "pretrained:unrandomised; the paper's names are "
        "block, locked_wrist, prism, no_sensing, no_physics, no_unmodelled, none, lstm_value and "
        "memoryless, any other is a row of its own",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        None,
        "with --suite: the folder for table.md, table.json and table.png; what it holds of an "
        "interrupted suite is not measured again",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """As `cli.saved_config`, with long goals; for a suite the defaults."""
    _check_suite(values)
    if values.suite:
        from experiments import suite

        return suite.base_config(values.seed)
    if values.pose == "state":
        for name in ("vision_workdir", "renderer"):
            if values[name].present:
                raise UserError(f"--{name} goes with --pose=vision; add it or leave --{name} out")
    if values.greedy and values.agent == "random":
        raise UserError("--greedy: a random agent has no most probable action; leave --greedy out")
    config = cli.saved_config(values)
    config.env.goal_timeout_s = 80.0
    return config


def _check_suite(values: flags.FlagValues) -> None:
    """Refuses flags that do not go together."""
    if values.suite is None:
        for name in ("policies", "out"):
            if values[name].present:
                raise UserError(f"--{name} goes with --suite=paper; add it or leave --{name} out")
        return
    acting = ("workdir", "pretrained", "pretrained_name", "agent", "greedy", "pose", "pose_latency")
    for name in (*acting, "goals", "goal_timeout_s", "json", "dump_nan", "config"):
        if values[name].present:
            raise UserError(f"--{name} does not go with --suite, which decides on it; leave it out")
    for name, example in (("policies", "block=DIR,prism=DIR"), ("out", "DIR")):
        if not values[name].value:
            raise UserError(f"--suite needs --{name}; add --{name}={example}")
    if values.trials < 2:
        raise UserError(f"--trials={values.trials}: a suite needs 2 or more for its intervals")


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Runs the trials and prints what they show."""
    if values.suite:
        from experiments import suite

        suite.run(values, config)
        return
    target = files.check_output("json", values.json) if values.json else None
    from dactyl_jax import evaluation
    from dactyl_jax.envs import make_environment
    from experiments import origin, preparation, runs, scoring

    acting = values.agent == "policy"
    needed = acting or values.goals == "final"
    checkpoint = runs.load_policy(cli.run_name(values)) if needed else None
    env = make_environment(config, dump_nan=values.dump_nan)
    if acting and checkpoint is not None:
        preparation.check_policy(checkpoint, env)
    eye = None
    if values.pose == "vision":
        from experiments import vision_runs

        eye = vision_runs.make_eye(
            values.vision_workdir,
            values.renderer,
            object=config.env.object,
            tilt=config.env.tilt,
        )
    latency = values.pose_latency
    if latency is None:
        latency = 0 if eye is None else 1
    result = scoring.evaluate(
        env,
        preparation.make_agent(values.agent, checkpoint, env),
        trials=values.trials,
        seed=values.seed,
        distribution=values.goals,
        final_distance=checkpoint.goal_distance if checkpoint else 0.0,
        checkpoint_step=checkpoint.steps if acting and checkpoint else None,
        latency=latency,
        greedy=values.greedy,
        eye=eye,
    )
    if values.trials > 1:
        scoring.add_intervals(result)
    result = {"agent": values.agent, "pose": values.pose, **result}
    if eye is not None:
        result["renderer"] = values.renderer
    _print(result, evaluation.histogram(result["goals"]["per_trial"]))
    if target is not None:
        files.write_json(target, result | origin.here())


def _print(result: dict[str, Any], histogram: list[str]) -> None:
    from dactyl_jax.evaluation import pose_errors
    from experiments import scoring

    print(scoring.sentence(result))
    if "mean_interval" in result["goals"]:
        low, high = result["goals"]["mean_interval"]
        print(f"95% interval of the mean: {low:.1f} to {high:.1f}")
    print("\n".join(histogram))
    ends = (f"{result[name]} {name}" for name in ("drops", "timeouts", "caps", "diverged"))
    print("trials ended by: " + ", ".join(ends))
    if "doubt" in result:
        print(pose_errors.doubt_sentence(result["doubt"]))
    if result["overflows"]:
        print(f"warning: the engine ran out of room for contacts in {result['overflows']} trials")


main = cli.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
