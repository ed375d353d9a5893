"""Measures a pose network's errors on frames of episodes that it was not trained on.

Appearance is randomised as in training; `--config.terms.NAME.enabled=false` disables a term.
`--unmarked` renders an object with identical faces, whose orientation is ambiguous; a
well-calibrated network then reports high uncertainty.
"""

import sys

from absl import flags
from ml_collections import ConfigDict

from dactyl_jax.config import leaves
from dactyl_jax.errors import UserError
from dactyl_jax.vision import config as schema
from experiments import command_line
from experiments.base import files
from experiments.vision import network_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    network_flags.define(values)
    flags.DEFINE_integer("frames", 500, "number of frames", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "seed", 0, "selects the frames", lower_bound=0, upper_bound=1000, flag_values=values
    )
    command_line.define_renderer_flag(values)
    flags.DEFINE_boolean(
        "unmarked", False, "render the object in one colour, without marks", flag_values=values
    )
    flags.DEFINE_string("json", None, "JSON file for the result", flag_values=values)
    flags.DEFINE_string(
        "worst", None, "PNG file for the frames with the largest errors", flag_values=values
    )


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the configuration that the network was trained with."""
    if values.worst and not values.worst.endswith(".png"):
        raise UserError(f"--worst: {values.worst!r} must end in .png")
    from experiments.vision import networks

    return networks.load_config(values)


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Measures the errors and prints them."""
    # The frames' content may change; what the network depends on, such as their size, may not.
    tested = [field for field, _ in leaves(config) if field.startswith(("terms.", "pose."))]
    command_line.refuse_overrides(values, config, base_config(values), but=tested)
    target = files.check_output("json", values.json) if values.json else None
    picture = files.check_output("worst", values.worst) if values.worst else None
    from dactyl_jax.rendering import write_picture
    from experiments.vision import held_out, networks

    estimator = networks.load_estimator(values)
    errors = held_out.measure(
        config,
        estimator,
        values.renderer,
        frames=values.frames,
        seed=values.seed,
        unmarked=values.unmarked,
    )
    result = {
        "renderer": values.renderer,
        "seed": values.seed,
        "unmarked": values.unmarked,
        "iteration": estimator.iteration,
        **held_out.summarize(errors),
    }
    print("\n".join(held_out.sentences(result)))
    if target is not None:
        files.write_json(target, result)
    if picture is not None:
        write_picture(picture, held_out.worst_cases(errors))


main = command_line.program(run, __doc__, define_flags, base_config, schema)


if __name__ == "__main__":
    sys.exit(main())
