"""Measures how many consecutive goals a trained policy reaches; with `--suite`, many policies.

Trials use the policy's training configuration; the engine is chosen for this device.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.errors import UserError
from experiments import command_line
from experiments.base import files
from experiments.runs import policy_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    policy_flags.define(values)
    command_line.define_engine_flag(values)
    flags.DEFINE_enum(
        "agent",
        "policy",
        ["policy", "zero", "random"],
        "agent: the trained policy, the middle bin of every actuator (zero), or random actions",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "greedy", False, "take the most probable actions instead of sampling", flag_values=values
    )
    flags.DEFINE_integer("trials", 100, "number of trials", lower_bound=1, flag_values=values)
    command_line.define_goals_flag(values)
    command_line.define_goal_timeout_flag(values, "80")
    flags.DEFINE_enum(
        "pose",
        "state",
        ["state", "vision"],
        "source of the object's pose: the simulator's sensors (state), or three cameras and the "
        "pose network of --vision_workdir (vision)",
        flag_values=values,
    )
    flags.DEFINE_string(
        "vision_workdir",
        None,
        "with --pose=vision: work directory of experiments.train_vision; default: the package's "
        "pose network",
        flag_values=values,
    )
    command_line.define_renderer_flag(values)
    flags.DEFINE_integer(
        "pose_latency",
        None,
        "latency of the object's pose, control steps; default: 0 with --pose=state, 1 with "
        "--pose=vision",
        lower_bound=0,
        upper_bound=10,
        flag_values=values,
    )
    command_line.define_dump_flag(values)
    flags.DEFINE_string("json", None, "JSON file for the result", flag_values=values)
    flags.DEFINE_enum(
        "suite",
        None,
        ["paper"],
        "evaluate many policies in every world, as in the paper; needs --policies and --out",
        flag_values=values,
    )
    flags.DEFINE_string(
        "policies",
        None,
        "with --suite: name=DIR,name=DIR,...; each DIR is a work directory, or pretrained, or "
        "pretrained:unrandomised. The paper's names are block, locked_wrist, prism, no_sensing, "
        "no_physics, no_unmodelled, none, lstm_value and memoryless; any other name adds a row",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        None,
        "with --suite: folder for table.md, table.json and table.png; results of an interrupted "
        "suite in this folder are reused",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads `policy_flags.saved_config` with an 80 s goal time limit; for a suite, its defaults."""
    _check_suite(values)
    if values.suite:
        from experiments.evaluation import suite

        return suite.base_config(values.seed)
    if values.pose == "state":
        for name in ("vision_workdir", "renderer"):
            if values[name].present:
                raise UserError(f"--{name} goes with --pose=vision; add it, or leave --{name} out")
    if values.greedy and values.agent == "random":
        raise UserError("--greedy: a random agent has no most probable action; leave --greedy out")
    config = policy_flags.saved_config(values)
    config.env.goal_timeout_s = 80.0
    return config


def _check_suite(values: flags.FlagValues) -> None:
    """Refuses conflicting flags."""
    if values.suite is None:
        for name in ("policies", "out"):
            if values[name].present:
                raise UserError(f"--{name} goes with --suite=paper; add it, or leave --{name} out")
        return
    acting = ("workdir", "pretrained", "pretrained_name", "agent", "greedy", "pose", "pose_latency")
    for name in (*acting, "goals", "goal_timeout_s", "json", "dump_nan", "config"):
        if values[name].present:
            raise UserError(f"--{name} does not go with --suite, which sets it; leave it out")
    for name, example in (("policies", "block=DIR,prism=DIR"), ("out", "DIR")):
        if not values[name].value:
            raise UserError(f"--suite needs --{name}; add --{name}={example}")
    if values.trials < 2:
        raise UserError(
            f"--trials={values.trials}: a suite needs at least 2 for confidence intervals"
        )


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Runs the trials and prints the results."""
    if values.suite:
        from experiments.evaluation import suite

        suite.run(values, config)
        return
    target = files.check_output("json", values.json, [".json"]) if values.json else None
    from experiments.base import origin
    from experiments.evaluation import one_policy

    needed = values.agent == "policy" or values.goals == "final"
    eye = _eye(values, config) if values.pose == "vision" else None
    result = one_policy.measure(
        config,
        policy_flags.run_name(values) if needed else None,
        agent=values.agent,
        trials=values.trials,
        seed=values.seed,
        goals=values.goals,
        latency=values.pose_latency,
        greedy=values.greedy,
        eye=eye,
        dump_nan=values.dump_nan,
    )
    if eye is not None:
        result["renderer"] = values.renderer
    one_policy.show(result)
    if target is not None:
        files.write_json(target, result | origin.here())


def _eye(values: flags.FlagValues, config: ConfigDict):
    """Returns the cameras and the pose network that estimate the object's pose."""
    from experiments.vision import eye

    task = config.env
    return eye.make_eye(values.vision_workdir, values.renderer, object=task.object, tilt=task.tilt)


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
