"""The deployed program and `experiments.evaluate` take the same actions, one by one."""

import numpy as np
import pytest

pytest.importorskip("jax2onnx")

import jax
import jax.numpy as jnp
from jax.experimental import io_callback

from dactyl_jax import envs, evaluation, pretrained
from dactyl_jax.envs import goals
from dactyl_jax.learning import PolicyAgent
from experiments.export import golden
from experiments.runs.trials import for_trials
from hardware.bundle import store
from hardware.policy import actions
from hardware.sight.mount import AT_FOREARM
from hardware.simulation.hand import SimulatedHand
from hardware.simulation.in_process import InProcess
from hardware.trials.session import Session
from tests.hardware import make_bundle
from tests.hardware.fake_hand import Chooses
from tests.hardware.trials.test_session import check_that_a_control_step_is_quick

pytestmark = pytest.mark.slow

TRIALS, SEED, TIMEOUT, MAX_GOALS = 20, 3, 8.0, 5


class Recorder:
    """Wraps an agent and records its actions on the host, `[step, env, 20]`."""

    def __init__(self, agent: PolicyAgent):
        self.agent, self.actions = agent, []
        self.initial_carry = agent.initial_carry

    def act(self, observation, carry, first, key):
        action, carry = self.agent.act(observation, carry, first, key)
        io_callback(
            lambda values: self.actions.append(np.array(values)), None, action, ordered=True
        )
        return action, carry


jax.tree_util.register_static(Recorder)


class TrainingTrials:
    """A lab whose trials are those of `experiments.evaluate` with the same seed.

    Starts and goals come from the training code's random numbers, so a greedy policy takes the same
    actions.
    """

    def __init__(self, config, simulated, robot, trials, goal_distance, choose):
        self._hand, self._robot = simulated, robot
        self.goals, self.chooser = self, Chooses(choose)
        env = envs.make_environment(config)
        distance = jnp.float32(goal_distance)
        key = jax.random.split(jax.random.key(SEED))[0]
        state = jax.jit(lambda key: env.reset(key, trials, distance))(key)
        self._starts = jax.device_get(state.episode.physics)
        self._goal_keys = state.episode.goal_key

        @jax.jit
        def goal(key, number, orientation):
            keys = jax.random.fold_in(key, number)[None]
            return goals.draw(keys, orientation[None].astype(jnp.float32), distance)[0]

        self._goal = goal

    def set_up(self, session, trial):
        start = self._starts
        fields = ("qpos", "qvel", "qacc_warmstart")
        state = {name: getattr(start, name)[trial] for name in fields}
        self._hand.start(start.ctrl[trial], state=state)
        self._robot.report()
        return session.guard.begin(needs=session.needs, targets=start.ctrl[trial])

    def draw(self, trial, number, orientation):
        return np.asarray(self._goal(self._goal_keys[trial], number, orientation), float)


def deployed_actions(contents, config, trials, goal_distance, timeout_s):
    """Runs trials of the deployed program on the simulated hand; returns actions and results."""
    simulated = SimulatedHand(contents)
    robot = InProcess(simulated)
    taken: list[list[np.ndarray]] = []

    def choose(logits):
        taken[-1].append(actions.most_probable(logits))
        return taken[-1][-1]

    lab = TrainingTrials(config, simulated, robot, trials, goal_distance, choose)
    session = Session(contents, robot, AT_FOREARM, None, say=lambda line: None)
    results = []
    for trial in range(trials):
        taken.append([])
        results.append(session.run(lab, trial, timeout_s))
    return taken, results


def test_its_control_steps_are_quick(trained):
    check_that_a_control_step_is_quick(store.load(str(trained)))


def test_actions_are_those_of_the_training(trained):
    """A policy that smooths targets: goals, the cap on goals, time-outs and a drop."""
    policy = pretrained.policy("unrandomised")
    config = pretrained.load("unrandomised")[0]
    assert config.env.smoothed == "target"
    check_trials(store.load(str(trained)), config, policy.agent, TRIALS, TIMEOUT)


def test_actions_are_those_of_the_training_where_actions_are_averaged(contents):
    """A random policy: time-outs and drops."""
    config, policy = make_bundle.policy()
    assert config.env.smoothed == "action"
    check_trials(contents, config, policy.agent, 8, 4.0)


def check_trials(contents, config, agent, trials, timeout_s):
    """Compares greedy trials of the deployed program with those of `experiments.evaluate`."""
    config = golden.plain(for_trials(config, SEED))
    config.env.goal_timeout_s = timeout_s
    config.env.bank_size, config.env.max_goals = 32, MAX_GOALS
    contents.contract["task"]["max_goals"] = MAX_GOALS
    recorder = Recorder(agent)
    theirs = evaluation.run_trials(
        envs.make_environment(config),
        recorder,
        trials=trials,
        seed=SEED,
        goal_distance=evaluation.goal_distance("near", 0.0),
        greedy=True,
    )
    taken, ours = deployed_actions(contents, config, trials, 0.9, timeout_s)
    steps = [result.steps for result in ours]
    print(f"{sum(steps)} control steps, goals and ends {[(r.goals, r.end) for r in ours]}")
    for trial in range(trials):
        expected = np.array(recorder.actions)[: theirs.steps[trial], trial]
        np.testing.assert_array_equal(np.array(taken[trial]), expected, f"trial {trial}")
    assert steps == theirs.steps.tolist()
    assert [result.goals for result in ours] == theirs.goals.tolist()
    assert [result.end == "drop" for result in ours] == theirs.dropped.tolist()
    timed_out = [result.end in ("time-out", "stuck") for result in ours]
    assert timed_out == theirs.timed_out.tolist()
    assert [r.steps_to_last_goal for r in ours] == theirs.steps_to_last_goal.tolist()
