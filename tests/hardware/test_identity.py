"""The deployed program and `experiments.evaluate` do the same, action for action."""

import numpy as np
import pytest

pytest.importorskip("jax2onnx")

import jax
from jax.experimental import io_callback

from dactyl_jax import envs, evaluation, pretrained
from dactyl_jax.learning import PolicyAgent
from hardware import actions, bundle, export, simulated_hand, tracker
from hardware.session import Session
from tests.hardware import make_bundle

pytestmark = pytest.mark.slow

TRIALS, SEED = 20, 3


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


def check_identity(contents, agent, max_goals, timeout_s):
    config = simulated_hand.trial_config(contents, "training", SEED, timeout_s)
    config.env.bank_size, config.env.max_goals = 32, max_goals
    contents.contract["task"]["max_goals"] = max_goals
    recorder = Recorder(agent)
    theirs = evaluation.run_trials(
        envs.make_environment(config),
        recorder,
        trials=TRIALS,
        seed=SEED,
        goal_distance=evaluation.goal_distance("near", 0.0),
        greedy=True,
    )
    taken, ours = deployed_actions(contents, config, TRIALS, 0.9, timeout_s)
    steps = [result.steps for result in ours]
    print(f"{TRIALS} trials, {sum(steps)} control steps, goals {[r.goals for r in ours]}")
    for trial in range(TRIALS):
        expected = np.array(recorder.actions)[: theirs.steps[trial], trial]
        np.testing.assert_array_equal(np.array(taken[trial]), expected, f"trial {trial}")
    assert steps == theirs.steps.tolist()
    assert [result.goals for result in ours] == theirs.goals.tolist()
    assert [result.end == "drop" for result in ours] == theirs.dropped.tolist()
    timed_out = [result.end in ("time-out", "stuck") for result in ours]
    assert timed_out == theirs.timed_out.tolist()
    assert [r.steps_to_last_goal for r in ours] == theirs.steps_to_last_goal.tolist()


def test_a_policy_that_knows_nothing(contents):
    """Its bundle is that of the tests; most of its trials end by a drop."""
    check_identity(contents, make_bundle.policy()[1].agent, 5, 8.0)


def test_a_pretrained_policy(tmp_path):
    if not (pretrained.folder("unrandomised") / "metrics.json").is_file():
        pytest.skip("the package has no such policy yet")
    export.export("pretrained:unrandomised", tmp_path / "bundle")
    contents = bundle.load(str(tmp_path / "bundle"))
    check_identity(contents, pretrained.policy("unrandomised").agent, 5, 8.0)
