"""Starts a new run from another one: from its whole training state, or from its policy alone."""

import dataclasses
import math

from ml_collections import ConfigDict

from dactyl_jax.envs import adr, curriculum
from dactyl_jax.errors import UserError
from dactyl_jax.learning import Continuation, PolicyCheckpoint, Trainer, TrainState
from dactyl_jax.learning.networks import Network
from experiments.runs import policies

_VALUE, _RATE, _LIMITS = "value function", "learning rate", "limits"


@dataclasses.dataclass(frozen=True)
class Source:
    """The run that a new one starts from.

    Attributes:
        run: name of the run, see `policies.load_policy`.
        policy: policy of the run.
        training: training state besides the policy; None if it was not saved or is not wanted.
        whole: whether to continue the training, as far as its state was saved; else only the
            policy is used.
    """

    run: str
    policy: PolicyCheckpoint
    training: Continuation | None
    whole: bool

    @property
    def steps(self) -> int:
        """Control steps inherited from the source."""
        return self.policy.steps if self.whole else 0


def load(config: ConfigDict) -> Source:
    """Loads the run named by `config.init_from`.

    Raises:
        ValueError: the run is missing, or its actions or observations are incompatible.
    """
    theirs = policies.load_config(config.init_from)
    for field in ("action", "smoothed", "policy_observation"):
        if theirs.env[field] != config.env[field]:
            raise UserError(
                f"--init_from: its policy was trained with env.{field}={theirs.env[field]!r}; "
                f"set --config.env.{field}={theirs.env[field]} for this run"
            )
    whole = not config.init_from_policy_only
    return Source(
        config.init_from,
        policies.load_policy(config.init_from),
        policies.load_continuation(config.init_from) if whole else None,
        whole,
    )


def initial_curriculum(
    config: ConfigDict, source: Source | None, teacher: PolicyCheckpoint | None
) -> curriculum.CurriculumState:
    """Returns the curriculum state of a new run.

    If the source's training continues, the new run keeps its goal distance and limits. With a
    teacher, goals start at least at the teacher's goal distance.
    """
    reached = [teacher.goal_distance] if teacher else [0.0]
    limits = None
    if source and source.whole:
        reached.append(source.policy.goal_distance)
        limits = source.training.limits if source.training else None
    return curriculum.initial(config, max(reached), limits)


def begin(state: TrainState, trainer: Trainer, source: Source) -> tuple[TrainState, str]:
    """Loads the source into a fresh state; also returns a line that lists what was loaded.

    Raises:
        UserError: the source's policy network has another design.
    """
    agent, training = source.policy.agent, source.training
    field = _difference(agent.network, trainer.networks.policy)
    if field:
        theirs, ours = (getattr(each, field) for each in (agent.network, trainer.networks.policy))
        raise UserError(
            f"--init_from: its policy has {field}={theirs!r}, this run has {ours!r}; "
            "set the same --config.network and --config.env.policy_observation for this run"
        )
    anew = _anew(trainer, source)
    learner = state.learner
    parameters = {**learner.parameters, "policy": agent.parameters}
    normalizers = dataclasses.replace(learner.normalizers, policy_observation=agent.statistics)
    learning_rate = learner.learning_rate
    taken = ["policy"]
    if training is not None and _VALUE not in anew:
        parameters["value"] = training.parameters
        normalizers = dataclasses.replace(
            normalizers, value_observation=training.observation, value_target=training.target
        )
        taken += [_VALUE]
    if training is not None and _RATE not in anew:
        learning_rate = training.learning_rate
        taken += [f"{_RATE} {float(learning_rate):.2g}"]
    if source.whole:
        reached = math.degrees(float(state.curriculum.goal_distance))
        taken += [f"goals up to {reached:.0f} degrees", f"{source.steps:,} control steps"]
    kept = _kept_limits(trainer.config, source)
    if kept:
        taken += [f"{_LIMITS} of {len(kept)} terms"]
    learner = dataclasses.replace(
        learner, parameters=parameters, normalizers=normalizers, learning_rate=learning_rate
    )
    fresh = [f"{what} ({why})" if why else what for what, why in anew.items()]
    said = f"Loaded from {source.run}: {', '.join(taken)}. Initialised: {', '.join(fresh)}."
    return dataclasses.replace(state, learner=learner), said


def _anew(trainer: Trainer, source: Source) -> dict[str, str]:
    """Returns what is initialised from scratch, with reasons."""
    config, training = trainer.config, source.training
    reasons = {"Adam's moments": ""}
    if not source.whole:
        return {what: "" for what in (_VALUE, _RATE, "curriculum")} | reasons
    if training is None:
        reasons |= dict.fromkeys((_VALUE, _RATE), "not saved there")
    else:
        ours, theirs = trainer.networks.value, training.network
        field = _difference(theirs, ours)
        if field:
            name = "size" if field == "inputs" else field
            there, here = getattr(theirs, field), getattr(ours, field)
            reasons[_VALUE] = f"different {name}: {there} there, {here} here"
        if config.ppo.schedule == "fixed":
            reasons[_RATE] = "config.ppo.schedule is fixed"
    enabled = set(adr.by_term(config, adr.initial(config)))
    missing = len(enabled - set(_kept_limits(config, source)))
    if missing:
        reasons[f"{_LIMITS} of {missing} terms"] = "not saved there"
    return reasons


def _kept_limits(config: ConfigDict, source: Source) -> list[str]:
    """Returns the terms whose limits are kept."""
    theirs = source.training.limits if source.training else {}
    return [term for term in adr.by_term(config, adr.initial(config)) if term in theirs]


def _difference(one: Network, other: Network) -> str | None:
    """Returns the first field in which two network designs differ, or None."""
    names = [field.name for field in dataclasses.fields(Network)]
    return next((name for name in names if getattr(one, name) != getattr(other, name)), None)
