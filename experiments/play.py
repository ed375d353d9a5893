"""Runs a policy in a browser: push the block, change the goal, the physics or the agent.

The default policy is the package's `unrandomised`. The page is served on this machine only; to view
it from another one, forward the port: ssh -L 8080:localhost:8080 HOST
"""

import functools
import sys

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from experiments.runs import policy_flags

_AGENTS = ("policy", "zero", "random")
_STARTS = 64  # initial states to choose from


def define_flags(values: flags.FlagValues) -> None:
    """Defines this program's flags."""
    policy_flags.define(values)
    command_line.define_port_flag(values)
    command_line.define_goal_timeout_flag(values, "80")


def base_config(values: flags.FlagValues) -> ConfigDict:
    """Loads the policy's configuration, with all randomisation available and an 80 s time limit."""
    if values.workdir is None and not values.pretrained:
        values["pretrained"].value = True
        if not values["pretrained_name"].present:
            values["pretrained_name"].value = "unrandomised"
    config = policy_flags.saved_config(values)
    config.engine = "native"  # the fastest engine for one hand, on any device
    config.randomization = "all"
    config.env.bank_size = _STARTS
    config.env.goal_timeout_s = 80.0
    return config


def run(values: flags.FlagValues, config: ConfigDict) -> None:
    """Serves the page immediately, and starts the simulation once everything is compiled."""
    from dactyl_jax import pretrained
    from experiments.base import extras
    from experiments.evaluation import agents
    from experiments.runs import policies

    viewer = extras.viewer()
    server = viewer.serve(values.port)
    print(f"{viewer.address(server)} (press Ctrl-C to stop)", flush=True)
    worlds = sorted(("training", "surrogate"), key=lambda name: name != config.env.world)
    panel = viewer.Panel(
        server,
        _AGENTS,
        worlds,
        config.env.control_dt,
        cameras=config.env.object == "block",  # the pose network's only object
    )
    panel.say("Compiling the simulation: about 30 s, less on later starts.")
    scene = viewer.Scene(server, config.env.object, config.env.tilt)

    @functools.cache
    def make_world(name: str):
        own = config.copy_and_resolve_references()
        own.env.world = name
        return viewer.World(own)

    @functools.cache
    def make_eyes():
        _, estimator, _ = pretrained.load_vision()
        return viewer.PoseOverlay(estimator, config.env.tilt)

    checkpoint = policies.load_policy(policy_flags.run_name(values))
    world = make_world(worlds[0])
    agents.check_policy(checkpoint, world.env)
    acting = {name: agents.make_agent(name, checkpoint, world.env) for name in _AGENTS}
    play = viewer.Play(world, acting, values.seed)
    viewer.Viewer(server, scene, panel, play, make_world, make_eyes).run()


main = command_line.program(run, __doc__, define_flags, base_config)


if __name__ == "__main__":
    sys.exit(main())
