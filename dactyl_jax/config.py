"""The configuration schema: all fields, their defaults and their allowed values."""

import difflib
import math
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict, config_dict

from dactyl_jax import fields, hand, physics, randomization
from dactyl_jax.envs import goals, observation, reward
from dactyl_jax.errors import UserError
from dactyl_jax.fields import Field, at_least, one_of, positive, share, sizes
from dactyl_jax.hand import motors

# Fields that name files, and the names of their copies beside a saved configuration.
INPUTS = {"env.model_patch": "model_patch.json", "cameras": "cameras.json"}
CHECKPOINT_S = Field(
    20.0,
    "greater than 0 and at most 30, so that little is lost when a run is killed",
    lambda seconds: 0 < seconds <= 30,
)


def _schema() -> fields.Schema:
    """All fields. Built on each call, so that it includes all terms."""
    return {
        "seed": 0,
        "num_envs": positive(8192),
        "engine": one_of("auto", ("auto", *physics.ENGINES)),
        # Work directory, or pretrained[:NAME], of the run to continue training from; empty starts
        # from scratch.
        "init_from": "",
        # Continues only from that run's policy, with a new value function and curriculum.
        "init_from_policy_only": False,
        # Preset that enables or disables every term whose `enabled` is unset.
        "randomization": one_of("all", randomization.PRESETS),
        "terms": {
            term.name: {"enabled": config_dict.placeholder(bool), **term.law}
            for term in randomization.TERMS
        },
        "env": {
            # `surrogate` stands in for the real robot: evaluate in it, never train in it.
            "world": one_of("training", ("training", "surrogate")),
            # File of calibrated values that override the hand model's, from hardware.calibrate;
            # empty for none. It does not affect the surrogate.
            "model_patch": "",
            "object": one_of("block", hand.OBJECTS),
            "locked_wrist": False,
            "action": one_of("relative", ("relative", "absolute")),
            # What the policy observes. `state` is what the value function observes: for teachers,
            # not for a robot.
            "policy_observation": one_of("paper", (*observation.POLICY, observation.STATE)),
            # What the value function observes. `privileged` adds the hidden state: the episode's
            # draws, the terms' memory, what the motors received (envs/hidden.py).
            "value_observation": one_of("paper", ("paper", "privileged")),
            # Motor gains and joint damping of the hand, see `hand.motors`.
            "motors": one_of("calibrated", motors.MOTORS),
            "tilt": Field(0.0, "between -pi/2 and pi/2", lambda angle: abs(angle) < math.pi / 2),
            "finger_collisions": True,
            "control_dt": positive(0.08),
            "sim_dt": positive(0.008),
            # What the exponential average smooths: unit actions (robogym) or targets (the first
            # version of this project).
            "smoothed": one_of("action", ("action", "target")),
            # Share of the average that is kept per 80 ms.
            "smoothing_kept": Field(0.3, "0 or more and less than 1", lambda kept: 0 <= kept < 1),
            # Distribution of goals once the curriculum is complete: any orientation, or the upright
            # poses of a block on the palm at any angle (robogym).
            "goals": one_of("uniform", goals.DISTRIBUTIONS),
            "goal_threshold": positive(0.4),
            "goal_timeout_s": positive(8.0),
            "max_goals": positive(50),
            # Weights of the reward terms, see `envs.reward`.
            "reward": {term.name: term.weight for term in reward.TERMS},
            "bank_size": Field(2048, "1 to 1000000", lambda size: 1 <= size <= 1_000_000),
            # Iterations after which all starts and models are redrawn; 0: never.
            "bank_redraw": at_least(0, 100, " (0: never)"),
        },
        "curriculum": {
            "enabled": True,
            "initial_distance": at_least(0.5, 0.9, " (goals closer than that are too easy)"),
            "growth": Field(1.1, "greater than 1", lambda growth: 1 < growth < math.inf),
            # Goals per environment-minute above which the goals move further away.
            "goals_per_minute": positive(8.0),
        },
        # Automatic domain randomisation (OpenAI 2019, "Solving Rubik's Cube with a Robot Hand"):
        # each enabled term acts at a strength between 0 and a limit that adapts.
        "adr": {
            "enabled": False,
            # Initial limits, their increment, and their maximum; 1 is the law in `terms`.
            "initial": at_least(0, 0.2),
            "step": positive(0.2),
            "maximum": positive(1.0),
            # Fractions of the episodes that run at the limit of one term, without randomisation
            # (the reference), and at full strength (for reporting only). All others run at
            # strengths drawn up to the limits.
            "boundary_share": share(0.3),
            "reference_share": share(0.1),
            "full_share": share(0.1),
            # Episodes of either kind that must end before a limit may move, and the ratios of goals
            # per episode to the reference: the limit widens from `widen_share` up and narrows below
            # `narrow_share`.
            "episodes": positive(24),
            "widen_share": share(0.7),
            "narrow_share": at_least(0, 0.4),
        },
        "network": {
            "memory": True,
            # The value function observes the state, so it needs memory less.
            "value_memory": True,
            "dense": sizes((1024,), "layer sizes"),
            "lstm": positive(512),
            "activation": one_of("relu", ("relu", "elu", "tanh")),
            # Whether the policy's head encodes the order of an actuator's bins.
            "ordinal": False,
        },
        "ppo": {
            "horizon": positive(20),
            "chunk": positive(10),
            "minibatches": positive(8),
            "passes": positive(2),
            "learning_rate": positive(3e-4),
            "schedule": one_of("adaptive", ("fixed", "adaptive")),
            "kl_low": positive(0.01),
            "kl_high": positive(0.03),
            "discount": share(0.998),
            "gae_lambda": share(0.95),
            "clip": positive(0.2),
            "entropy": at_least(0, 0.01),
            "value_coefficient": at_least(0, 0.5),
            "max_gradient_norm": positive(1.0),
            "reward_scale": positive(1.0),
        },
        # Imitation of a teacher, a policy that was trained with the true state.
        "imitation": {
            # Work directory of a run with env.policy_observation=state; empty for no teacher.
            "teacher": "",
            # Iterations of imitation before PPO takes over.
            "iterations": positive(200),
            "learning_rate": positive(1e-3),
        },
        "run": {
            "max_minutes": at_least(0, 50.0, " (0: no limit)"),
            "max_iterations": at_least(0, 0, " (0: no limit)"),
            "checkpoint_s": CHECKPOINT_S,
            "eval_trials": positive(100),
        },
    }


def default() -> ConfigDict:
    """The paper's task and algorithm, at a size that fits any accelerator.

    Returns:
        A new ConfigDict. Times in seconds, lengths in metres, angles in radians. Defaults follow
        OpenAI (2018), "Learning Dexterous In-Hand Manipulation", where it states them.
    """
    return fields.defaults(_schema())


def validate(config: ConfigDict) -> None:
    """Checks every value of a configuration, so that errors surface at once.

    Raises:
        UserError: names the field, its value and the allowed values.
    """
    validate_task(config)

    def fail(field: str, may_be: str) -> None:
        fields.fail(config, field, may_be)

    if config.init_from_policy_only and not config.init_from:
        fail("init_from_policy_only", "False without config.init_from, which names the run")
    if config.ppo.horizon % config.ppo.chunk:
        fail("ppo.horizon", f"a multiple of config.ppo.chunk ({config.ppo.chunk})")
    chunks = config.num_envs * config.ppo.horizon // config.ppo.chunk
    if chunks % config.ppo.minibatches:
        fail(
            "ppo.minibatches",
            f"a divisor of an iteration's {chunks} chunks (num_envs * ppo.horizon / ppo.chunk)",
        )
    if config.ppo.kl_low >= config.ppo.kl_high:
        fail("ppo.kl_low", f"less than config.ppo.kl_high ({config.ppo.kl_high})")
    _validate_widening(config, fail)


def validate_task(config: ConfigDict) -> None:
    """Like `validate`, without checks that only training needs, such as minibatch divisibility.

    Raises:
        UserError: names the field, its value and the allowed values.
    """
    fields.check(_schema(), config)

    def fail(field: str, may_be: str) -> None:
        fields.fail(config, field, may_be)

    ratio = config.env.control_dt / config.env.sim_dt
    if abs(ratio - round(ratio)) > 1e-6 or round(ratio) < 1:
        fail("env.control_dt", f"a whole multiple of config.env.sim_dt ({config.env.sim_dt})")
    if config.env.goal_timeout_s < config.env.control_dt:
        fail("env.goal_timeout_s", f"at least config.env.control_dt ({config.env.control_dt})")
    randomization.check(config)
    if config.terms.marker_dropout.mean_s < config.env.control_dt:
        fail(
            "terms.marker_dropout.mean_s",
            f"at least config.env.control_dt ({config.env.control_dt})",
        )


def _validate_widening(config: ConfigDict, fail: Callable[[str, str], None]) -> None:
    """Checks `config.adr` and the fields it depends on."""
    if config.adr.initial > config.adr.maximum:
        fail("adr.initial", f"0 to config.adr.maximum ({config.adr.maximum})")
    if config.adr.narrow_share >= config.adr.widen_share:
        fail(
            "adr.narrow_share",
            f"0 or more and less than config.adr.widen_share ({config.adr.widen_share})",
        )
    if not config.adr.enabled:
        return
    others = config.adr.reference_share + config.adr.full_share
    if config.adr.boundary_share + others > 1 + 1e-6:
        fail(
            "adr.boundary_share",
            f"at most {max(1 - others, 0):g}, with config.adr.reference_share at "
            f"{config.adr.reference_share} and config.adr.full_share at {config.adr.full_share}",
        )
    for name in ("object_size", "mass", "friction"):  # uniform factors, which must stay positive
        low = config.terms[name].low
        if config.adr.maximum * (1 - low) >= 1:
            fail(
                "adr.maximum",
                f"less than {1 / (1 - low):g}, with config.terms.{name}.low at {low}",
            )
    if not any(term.enabled(config) for term in randomization.TERMS):
        fail("randomization", "other than none with config.adr.enabled, unless a term is enabled")
    if not config.env.bank_redraw:
        fail("env.bank_redraw", "1 or more with config.adr.enabled: new banks apply the limits")


def saved_at(config: ConfigDict, folder: Path) -> ConfigDict:
    """Resolves a configuration read from a folder: its files are the copies there, see `INPUTS`."""
    given = dict(leaves(config))
    for field, name in INPUTS.items():
        if given.get(field):
            config.update_from_flattened_dict({field: str(folder / name)})
    return config


def complete(config: ConfigDict, *, origin: str, expected: ConfigDict | None = None) -> ConfigDict:
    """Builds a complete, correctly typed configuration from a partial or untyped one.

    Saved configurations outlive the version that saved them. A missing field takes its default; a
    missing randomisation or reward term is off. Where a default differs from the behaviour before
    the field existed, `_in_todays_words` supplies the old value.

    Args:
        config: any ConfigDict, for example one read from JSON, where tuples have become lists.
        origin: where it came from, for messages.
        expected: configuration that defines the known fields, modified in place; `default()` if
            omitted.

    Raises:
        ValueError: a field is unknown or has the wrong type, or most fields are missing.
    """
    result = default() if expected is None else expected
    known = dict(leaves(result))
    given = _in_todays_words(dict(leaves(config)))
    for field in given:
        if field not in known:
            raise UserError(f"{origin}: {unknown_field(field, known)}")
    missing = known.keys() - given.keys()
    if len(missing) > len(known) / 2:
        raise UserError(
            f"{origin}: {len(missing)} of {len(known)} fields are missing, such as {min(missing)}; "
            "start from the defaults, or from a complete file"
        )
    for name, law in result.terms.items():
        if "enabled" in law and not any(field.startswith(f"terms.{name}.") for field in given):
            law.enabled = False
    if any(field.startswith("env.reward.") for field in given):
        for field in missing:
            if field.startswith("env.reward."):
                result.update_from_flattened_dict({field: 0.0})
    for field, like in known.items():
        if field in missing:
            continue
        value = given[field]
        if isinstance(like, tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(like, float) and type(value) is int:
            value = float(value)
        if like is not None and type(value) is not type(like):
            raise UserError(
                f"{origin}: {field} is {value!r}; it must be of type {type(like).__name__}"
            )
        if isinstance(value, tuple) and not all(type(item) is int for item in value):
            raise UserError(f"{origin}: {field} is {value!r}; it must hold whole numbers")
        try:
            result.update_from_flattened_dict({field: value})
        except TypeError:
            raise UserError(f"{origin}: {field} is {value!r}, which has the wrong type") from None
    return result


def _in_todays_words(given: dict[str, Any]) -> dict[str, Any]:
    """Translates a saved configuration from the project's first versions to today's fields.

    Those versions adapted randomisation to consecutive goals, and continued from another run's
    policy only. The very first smoothed targets, gave noise as a fraction of an actuator's whole
    range, and included the observation delay in its presets.
    """
    old = {"adr.widen_goals", "adr.narrow_goals"}
    if old <= set(given):
        today = dict(leaves(default()))
        given = {field: value for field, value in given.items() if field not in old}
        for field in ("reference_share", "full_share", "widen_share", "narrow_share"):
            given[f"adr.{field}"] = today[f"adr.{field}"]
        given["init_from_policy_only"] = bool(given.get("init_from"))
    if "env.smoothing" not in given:
        return given
    noise, delay = "terms.action_noise.", "terms.observation_delay.enabled"
    result = {field: value for field, value in given.items() if field != "env.smoothing"}
    result["env.smoothed"] = "target"
    # Its smoothing was per control step, whatever the duration of one.
    result["env.smoothing_kept"] = (1 - given["env.smoothing"]) ** (0.08 / given["env.control_dt"])
    for field in ("additive_episode", "additive_step"):
        result[noise + field] = 2 * given[noise + field]
    result[noise + "multiplicative_episode"] = 0.0
    if given[delay] is None:
        result[delay] = given["randomization"] in ("all", "no_physics", "no_sensing")
    return {
        "env.goals": "uniform",
        "env.motors": "published",
        "terms.joint_limits.width_share": 0.0,
        **result,
    }


def leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All (dotted field, value) pairs of a configuration, in order."""
    for key in config:
        value = config[key]
        if isinstance(value, ConfigDict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def unknown_field(field: str, known: Collection[str]) -> str:
    """Error message for an unknown field, with a suggestion.

    Args:
        field: dotted.
        known: all fields, dotted.
    """
    group = [name for name in known if name.startswith(field + ".")]
    if group:
        return f"{field} is a group of fields: set one of them, such as {group[0]}"
    terms = {name.split(".")[1]: None for name in known if name.startswith("terms.")}
    if field.startswith("terms.") and field.split(".")[1] not in terms:
        return f"there is no term {field.split('.')[1]}; the terms are {', '.join(terms)}"
    close = difflib.get_close_matches(field, known, n=1, cutoff=0.6)
    same_leaf = [name for name in known if name.split(".")[-1] == field.split(".")[-1]]
    suggestion = same_leaf if len(same_leaf) == 1 else close
    hint = f"did you mean {suggestion[0]}?" if suggestion else "--help lists the fields"
    return f"there is no field {field}; {hint}"
