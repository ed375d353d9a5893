"""The deployed program and `experiments.evaluate` do the same, action for action."""

import numpy as np
import pytest

pytest.importorskip("jax2onnx")

import jax
from jax.experimental import io_callback

from dactyl_jax import envs, evaluation, pretrained
from dactyl_jax.learning import PolicyAgent
from hardware import actions, bundle, simulated_hand, tracker
from hardware.session import Session
from tests.hardware.test_session import check_that_a_control_step_is_quick

pytestmark = pytest.mark.slow

TRIALS, SEED, TIMEOUT, MAX_GOALS = 20, 3, 8.0, 5


class Recorder:
    """An agent that acts as another does, and keeps its actions on the host, `[step, env, 20]`."""

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


def deployed_actions(contents, config, trials, goal_distance, timeout_s):
    """What the deployed program does in trials on the simulated hand, and their results."""
    simulated = simulated_hand.SimulatedHand(config)
    robot = simulated_hand.InProcess(simulated)
    lab = simulated_hand.TrainingTrials(
        config,
        simulated,
        robot,
        seed=SEED,
        trials=trials,
        goal_distance=goal_distance,
        choose=lambda trial: choose,
    )
    taken: list[list[np.ndarray]] = []

    def choose(logits):
        taken[-1].append(actions.most_probable(logits))
        return taken[-1][-1]

    session = Session(contents, robot, tracker.AT_FOREARM, None, say=lambda line: None)
    results = []
    for trial in range(trials):
        taken.append([])
        results.append(session.run(lab, trial, timeout_s))
    return taken, results


def test_its_control_steps_are_quick(trained):
    check_that_a_control_step_is_quick(bundle.load(str(trained)))


def test_actions_are_those_of_the_training(trained):
    """Through goals, the cap of goals, time-outs and a drop."""
    contents = bundle.load(str(trained))
    config = simulated_hand.trial_config(contents, "training", SEED, TIMEOUT)
    config.env.bank_size, config.env.max_goals = 32, MAX_GOALS
    contents.contract["task"]["max_goals"] = MAX_GOALS
    recorder = Recorder(pretrained.policy("unrandomised").agent)
    theirs = evaluation.run_trials(
        envs.make_environment(config),
        recorder,
        trials=TRIALS,
        seed=SEED,
        goal_distance=evaluation.goal_distance("near", 0.0),
        greedy=True,
    )
    taken, ours = deployed_actions(contents, config, TRIALS, 0.9, TIMEOUT)
    steps = [result.steps for result in ours]
    print(f"{sum(steps)} control steps, goals and ends {[(r.goals, r.end) for r in ours]}")
    for trial in range(TRIALS):
        expected = np.array(recorder.actions)[: theirs.steps[trial], trial]
        np.testing.assert_array_equal(np.array(taken[trial]), expected, f"trial {trial}")
    assert steps == theirs.steps.tolist()
    assert [result.goals for result in ours] == theirs.goals.tolist()
    assert [result.end == "drop" for result in ours] == theirs.dropped.tolist()
    timed_out = [result.end in ("time-out", "stuck") for result in ours]
    assert timed_out == theirs.timed_out.tolist()
    assert [r.steps_to_last_goal for r in ours] == theirs.steps_to_last_goal.tolist()
