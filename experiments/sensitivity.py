"""What costs goals: a policy with every randomisation, without each, under each alone, and none.

Families and single terms; the same hands play under every condition, and count goals, drops and
time-outs. By default about a quarter of an hour on two CPU cores.
"""

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax import randomization
from dactyl_jax.errors import UserError
from experiments import cli, files

_GOAL_TIMEOUT_S = 16.0  # that of 80 s in `experiments.evaluate` would never end here
_ENDLESS = 1_000_000  # goals in a row: an episode ends by a failure or not at all


def define_flags(values: flags.FlagValues) -> None:
    """This program's own flags."""
    cli.define_run_flag(values)
    cli.define_engine_flag(values)
    cli.define_goals_flag(values)
    cli.define_goal_timeout_flag(
        values, f"{_GOAL_TIMEOUT_S:g}, so that a hand can fail by it several times in --seconds"
    )
    flags.DEFINE_list(
        "terms",
        None,
        "names of the only terms to measure, and no families; by default all of both",
        flag_values=values,
    )
    flags.DEFINE_integer("hands", 48, "side by side", lower_bound=2, flag_values=values)
    flags.DEFINE_float(
        "seconds",
        60.0,
        "simulated seconds of each hand, under every condition",
        lower_bound=1.0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "runs/sensitivity",
        "the folder for sensitivity.json, .md and .png",
        flag_values=values,
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """As `cli.saved_config`, with all randomisation, each term as strong as published."""
    config = cli.saved_config(values)
    config.randomization, config.adr.enabled = "all", False
    config.env.goal_timeout_s = _GOAL_TIMEOUT_S
    config.env.max_goals = _ENDLESS
    config.env.bank_size = values.hands
    return config


def run(values: flags.FlagValues, config: ConfigDict, command: str) -> None:
    """Plays under every condition, draws and writes."""
    _check(values, config)
    target = files.check_output("out", str(Path(values.out) / "sensitivity.json"))
    from dactyl_jax.envs import make_environment
    from dactyl_jax.evaluation import draw_sensitivity, goal_distance, sensitivity
    from experiments import origin, preparation, runs

    made = origin.describe(command)
    checkpoint = runs.load_policy(cli.run_name(values))
    env = make_environment(sensitivity.with_all_terms(config)).with_goals(values.goals)
    preparation.check_policy(checkpoint, env)
    measured: list[dict[str, Any]] = []
    conditions = sensitivity.conditions(config, values.terms)
    for number, condition in enumerate(conditions, start=1):
        started = time.monotonic()
        counts = sensitivity.play(
            env,
            checkpoint.agent,
            condition.strengths,
            hands=values.hands,
            seed=values.seed,
            goal_distance=goal_distance(values.goals, checkpoint.goal_distance),
            seconds=values.seconds,
        )
        entry = sensitivity.describe(condition, counts, values.seconds / 60)
        measured.append(entry)
        took = f"{time.monotonic() - started:.0f} s"
        print(
            f"[{number}/{len(conditions)}] {condition} ({took}): {sensitivity.sentence(entry)}",
            flush=True,
        )
    record = {
        "study": "sensitivity",
        "title": "What costs goals",
        **made,
        "engine": env.engine.name,
        "policy": cli.run_name(values),
        "years": runs.years(runs.lineage(cli.run_name(values))),
        "seed": values.seed,
        "goals": values.goals,
        "goal_timeout_s": config.env.goal_timeout_s,
        "hands": values.hands,
        "seconds": values.seconds,
        "everything": [term.name for term in randomization.TERMS if term.enabled(config)],
        "conditions": measured,
    }
    files.write_json(target, record)
    files.write_text(target.with_suffix(".md"), sensitivity.markdown(record) + "\n")
    draw_sensitivity(record, target.with_suffix(".png"))
    print(f"\n{sensitivity.markdown(record)}\n\nPicture: {target.with_suffix('.png')}")


def _check(values: flags.FlagValues, config: ConfigDict) -> None:
    """Refuses terms that are none, and a world that has terms of its own."""
    names = [term.name for term in randomization.TERMS]
    if values.terms is not None and not values.terms:
        raise UserError(f"--terms is empty; name some of {', '.join(names)}, or leave it out")
    for name in values.terms or ():
        if name not in names:
            raise UserError(f"--terms: {name!r} is no term; choose of {', '.join(names)}")
    if config.env.world != "training":
        raise UserError(
            f"config.env.world is {config.env.world!r}, which has terms of its own; it must be "
            "'training'"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; see `cli.run`."""
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "experiments.sensitivity", *arguments])

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
