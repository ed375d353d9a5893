"""What the hand does: how often which grasp, which way to turn the block, and how trials fail.

After Section 6.1 of OpenAI (2018). Plays hands side by side without randomisation, tells grasps and
ways from their contacts, and draws a film strip of each grasp.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from experiments import cli, files

_HANDS = 32


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_run_flag(values)
    cli.define_engine_flag(values)
    cli.define_goals_flag(values)
    cli.define_goal_timeout_flag(values, "80")
    flags.DEFINE_string(
        "out", "runs/grasps", "the folder for grasps.json, .md and .png", flag_values=values
    )
    flags.DEFINE_float(
        "seconds", 60.0, "simulated seconds of each hand", lower_bound=1.0, flag_values=values
    )
    flags.DEFINE_integer("hands", _HANDS, "side by side", lower_bound=1, flag_values=values)
    flags.DEFINE_boolean("smoke", False, "4 hands for 4 seconds", flag_values=values)


def base_config(values: flags.FlagValues) -> ConfigDict:
    """As `cli.saved_config`, with long goals, whose failures tell more than time-outs, and without
    randomisation, under which contacts would be others."""
    config = cli.saved_config(values)
    config.randomization, config.adr.enabled = "none", False
    config.env.goal_timeout_s = 80.0
    if values.smoke:
        values["hands"].value, values["seconds"].value = 4, 4.0
        config.env.bank_size = 4
    return config


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Plays, tells, draws and writes."""
    target = files.check_output("out", str(Path(values.out) / "grasps.json"))
    from dactyl_jax import evaluation
    from dactyl_jax.envs import make_environment
    from experiments import origin, preparation, runs

    checkpoint = runs.load_policy(cli.run_name(values))
    env = make_environment(config)
    preparation.check_policy(checkpoint, env)
    played = evaluation.play(
        env.with_goals(values.goals),
        checkpoint.agent,
        hands=values.hands,
        seed=values.seed,
        goal_distance=evaluation.goal_distance(values.goals, checkpoint.goal_distance),
        seconds=values.seconds,
    )
    told = evaluation.grasps.tell(env.engine.model, played, env.control_dt)
    record: dict[str, Any] = {
        "study": "grasps",
        "title": "The longest that each grasp was held, from the first moment to the last",
        **origin.describe(command),
        "policy": cli.run_name(values),
        "years": runs.years(runs.lineage(cli.run_name(values))),
        "seed": values.seed,
        "goals": values.goals,
        "goal_timeout_s": config.env.goal_timeout_s,
        "hands": values.hands,
        **told,
    }
    files.write_json(target, record)
    files.write_text(target.with_suffix(".md"), evaluation.grasps.markdown(record))
    evaluation.grasps.draw_strips(told, played, env, target.with_suffix(".png"))
    print(evaluation.grasps.markdown(record))
    print(f"\nPicture: {target.with_suffix('.png')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "experiments.grasps", *arguments])

    def program(values: flags.FlagValues, config: ConfigDict) -> None:
        run(values, config, command)

    return cli.run(
        program,
        summary=__doc__ or "",
        define_flags=define_flags,
        base_config=base_config,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(main())
