"""A run that trains within seconds, shared by the tests of the programs."""

import pytest

from experiments import train

TINY = [
    "--engine=native",
    "--config.randomization=none",  # its step compiles in a third of the time
    "--config.num_envs=4",
    "--config.env.bank_size=4",
    "--config.ppo.horizon=4",
    "--config.ppo.chunk=2",
    "--config.ppo.minibatches=2",
    "--config.ppo.passes=1",
    "--config.network.dense=(8,)",
    "--config.network.lstm=8",
    "--config.run.eval_trials=2",
    "--config.env.goal_timeout_s=0.8",
    "--config.run.max_minutes=0",
    "--config.env.max_goals=2",
]


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Returns arguments of `experiments.train` for a tiny run on the native engine."""
    return list(TINY)


@pytest.fixture
def no_report(monkeypatch):
    """Disables the report after training."""
    from experiments.evaluation import end_of_run

    monkeypatch.setattr(end_of_run, "write", lambda workdir, env: None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Returns a work directory after two iterations, without a report."""
    from experiments.evaluation import end_of_run

    folder = tmp_path_factory.mktemp("run") / "tiny"
    write, end_of_run.write = end_of_run.write, lambda workdir, env: None
    try:
        assert train.main([*TINY, f"--workdir={folder}", "--max_iterations=2"]) == 0
    finally:
        end_of_run.write = write
    return folder
