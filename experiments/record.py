"""Records a video of a trained policy, with the goal shown beside the hand.

Simulates a few environments and shows the one that reaches the most goals.
"""

import sys
from pathlib import Path

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
    flags.DEFINE_string("out", None, "MP4 or WebP file to write (required)", flag_values=values)
    flags.DEFINE_float(
        "seconds",
        20.0,
        "length of the video, s",
        lower_bound=0.1,
        upper_bound=600.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "width",
        640,
        "width of the video, pixels, a multiple of 8; the height is three quarters of it",
        lower_bound=8,
        upper_bound=4096,
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps",
        None,
        "frames per second, with poses interpolated between control steps; default: one frame per "
        "control step",
        lower_bound=1.0,
        upper_bound=100.0,
        flag_values=values,
    )
    command_line.define_goals_flag(values, default="final")
    command_line.define_goal_timeout_flag(values, "as in training")


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads `policy_flags.saved_config`; checks that `--out` is a video."""
    if values.out is None:
        raise UserError("--out is missing: name the video to write, --out=FILE.mp4")
    files.check_output("out", values.out, [".mp4", ".webp"])
    if values.width % 8:
        raise UserError(f"--width={values.width} must be a multiple of 8")
    return policy_flags.saved_config(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Records an episode and renders it."""
    target = Path(values.out)
    from dactyl_jax import evaluation
    from dactyl_jax.envs import make_environment
    from experiments.evaluation import agents
    from experiments.runs import policies

    checkpoint = policies.load_policy(policy_flags.run_name(values))
    env = make_environment(config)
    agents.check_policy(checkpoint, env)
    recording = evaluation.record(
        env.with_goals(values.goals),
        checkpoint.agent,
        seed=values.seed,
        goal_distance=evaluation.goal_distance(values.goals, checkpoint.goal_distance),
        seconds=values.seconds,
    )
    evaluation.write_recording(
        recording, target, env, width=values.width, height=values.width * 3 // 4, fps=values.fps
    )
    print(f"{target}: {len(recording.qpos) * env.control_dt:.1f} s, drops: {recording.drops}")


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
