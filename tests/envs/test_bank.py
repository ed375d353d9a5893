"""Banks of initial states are cached on disk, keyed by all their inputs, and rebuilt if damaged."""

import jax
import numpy as np
import pytest

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics, randomization
from dactyl_jax.envs import adr, bank


@pytest.fixture(scope="module")
def model():
    return hand.load_model("block")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = config_lib.default()
    config.randomization = "no_unmodelled"
    config.env.bank_size = 4
    return config


@pytest.fixture
def settlings(monkeypatch):
    """Counts the native engine's steps."""
    calls = []
    step = physics.NativeEngine.step

    def counted(self, *arguments):
        calls.append(1)
        return step(self, *arguments)

    monkeypatch.setattr(physics.NativeEngine, "step", counted)
    return calls


def _equal(one, other):
    return all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def test_a_bank_is_settled_once(config, model, settlings):
    first = bank.build(config, model)
    count = len(settlings)
    assert count > 0
    assert _equal(first, bank.build(config, model))
    assert len(settlings) == count
    assert isinstance(first.states.qpos, jax.Array)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"env.bank_size": 5},
        {"terms.mass.low": 0.6},
        {"terms.mass.enabled": False},
        {"env.control_dt": 0.16},
    ],
)
def test_whatever_a_bank_follows_from_makes_another(config, model, settlings, change):
    first, count = bank.build(config, model), len(settlings)
    config.update_from_flattened_dict(change)
    assert not _equal(first.states, bank.build(config, model).states) or first.size != 4
    assert len(settlings) > count


def test_another_model_or_generation_makes_another(config, model, settlings):
    first, count = bank.build(config, model), len(settlings)
    assert not _equal(first.states, bank.build(config, model, 1).states)
    tilted = bank.build(config, hand.load_model("block", tilt=0.1))
    assert not _equal(first.states, tilted.states)
    assert len(settlings) >= count + 50


def test_a_damaged_bank_is_settled_anew(config, model, settlings, tmp_path):
    first, count = bank.build(config, model), len(settlings)
    stored = [path for path in tmp_path.rglob("*") if path.suffix == ".pickle"]
    assert stored
    for path in stored:
        path.write_bytes(path.read_bytes()[:100])
    again = bank.build(config, model)
    assert len(settlings) == 2 * count
    assert _equal(first, again)


def test_only_the_newest_banks_stay(config, model, tmp_path, monkeypatch):
    monkeypatch.setattr(bank, "_KEPT", 2)
    for generation in range(4):
        bank.build(config, model, generation)
    assert len(list((tmp_path / "dactyl_jax").iterdir())) == 2


def test_noise_does_not_make_another_bank(config, model, settlings):
    bank.build(config, model)
    count = len(settlings)
    config.terms.fingertip_noise.step = 0.5
    config.randomization = "all"
    bank.build(config, model)
    assert len(settlings) == count


def _strengths(**changed):
    return np.array([changed.get(term.name, 1.0) for term in randomization.TERMS])


def test_strengths_of_physics_make_another_bank_and_others_do_not(config, model, settlings):
    bank.build(config, model, strengths=_strengths())
    count = len(settlings)
    assert count > 0
    built = bank.build(config, model, strengths=_strengths(backlash=0.0))
    assert len(settlings) == count
    np.testing.assert_array_equal(built.draws.strengths, [_strengths(backlash=0.0)] * 4)
    np.testing.assert_array_equal(built.limits, _strengths(backlash=0.0))
    assert np.all(np.asarray(built.draws.role) == adr.FREE)
    bank.build(config, model, strengths=_strengths(mass=0.0))
    assert len(settlings) > count
    assert np.all(np.asarray(bank.build(config, model).draws.role) == adr.FULL)


def test_a_term_at_strength_zero_is_one_that_is_disabled(config, model):
    off = bank.build(config, model, strengths=_strengths(mass=0.0))
    config.terms.mass.enabled = False
    without = bank.build(config, model, strengths=_strengths())
    np.testing.assert_allclose(off.states.qpos, without.states.qpos, atol=1e-4)
    for name, values in without.draws.parameters.items():
        np.testing.assert_allclose(off.draws.parameters[name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(off.draws.parameters["body_mass"], [model.body_mass] * 4, rtol=1e-6)


def test_a_start_that_settles_at_some_strengths_only_leaves_the_others_in_place(
    config, model, monkeypatch
):
    """Candidate 1 of the second bank does not settle; candidate 5 replaces it."""
    rows = iter([[True] * 4, [True, False, True, True], [True] * 4])
    monkeypatch.setattr(bank, "_settled", lambda layout, state: np.array(next(rows)))
    first = bank.build(config, model, strengths=_strengths())
    second = bank.build(config, model, strengths=_strengths(mass=0.0))
    assert not list(rows)
    same = [
        np.array_equal(ours, theirs)
        for ours, theirs in zip(
            first.draws.parameters["jnt_range"], second.draws.parameters["jnt_range"], strict=True
        )
    ]
    assert same == [True, False, True, True]
    assert not np.array_equal(
        first.draws.parameters["body_mass"], second.draws.parameters["body_mass"]
    )


def test_without_a_place_on_disk_banks_are_settled_each_time(
    config, model, settlings, tmp_path, monkeypatch
):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    first, count = bank.build(config, model), len(settlings)
    assert _equal(first, bank.build(config, model))
    assert len(settlings) == 2 * count


def test_a_palm_on_which_nothing_stays_is_refused(config, model, monkeypatch):
    monkeypatch.setattr(bank, "_settled", lambda layout, state: np.zeros(4, bool))
    with pytest.raises(ValueError, match=r"Only 0 of \d+ starts .* config\.env\.tilt"):
        bank.build(config, model)


def test_drawn_limits_hold_from_the_start(config, model):
    config.env.bank_size = 32
    built = bank.build(config, model)
    joints = [model.joint(name).id for name in hand.JOINTS]
    limits = np.asarray(built.draws.parameters["jnt_range"])[:, joints]
    angles = np.asarray(built.states.qpos)[:, hand.layout(model).joint_qpos]
    beyond = np.maximum(limits[..., 0] - angles, angles - limits[..., 1])
    assert beyond.max() < 0.1  # rad; joint limits are slightly soft
