"""The example in WORKSPACE.md works as described."""

import re
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import config as config_lib
from dactyl_jax import hand, physics
from dactyl_jax.randomization import actuation
from dactyl_jax.randomization import physics as physics_terms
from dactyl_jax.randomization.terms import PhysicsTerm, StepTerm


def _blocks() -> list[str]:
    text = Path(__file__).parents[1].joinpath("WORKSPACE.md").read_text(encoding="utf-8")
    section = text.split("## How to add a randomisation, in one file")[1].split("\n## ")[0]
    return [textwrap.dedent(b) for b in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section, re.M)]


def _run(block: str, module, **names) -> dict:
    """Executes a code block of the file in a module's namespace."""
    space = vars(module) | {"jax": jax, "jnp": jnp, "np": np} | names
    exec(block, space)
    return space


def test_a_new_physics_term(monkeypatch):
    function, row, *_ = _blocks()
    space = _run(function, physics_terms)
    (term,) = eval(f"({row})", space | {"PhysicsTerm": PhysicsTerm})
    monkeypatch.setattr(physics_terms, "TERMS", (*physics_terms.TERMS, term))
    config = config_lib.default()
    config.randomization = "none"
    config.terms.contact_time = ConfigDict({"enabled": True, **term.law})
    model = hand.load_model("block")
    fields, numbers = physics_terms.draw(model, config, np.arange(200))
    assert 0.7 <= numbers.min() < 0.75 and 1.3 < numbers.max() <= 1.4
    np.testing.assert_allclose(
        fields["geom_solref"][:, :, 0], model.geom_solref[:, 0] * numbers, rtol=1e-12
    )
    assert set(physics.derive(model, fields)) == {"geom_solref"}


def test_a_new_actuation_term():
    *_, function, row = _blocks()
    space = _run(function, actuation)
    (term,) = eval(f"({row})", space | {"StepTerm": StepTerm})
    law = ConfigDict({"probability": 0.25})
    commands = [
        actuation.Command(jnp.zeros(2000), jnp.full(2000, value), jnp.zeros(3), jnp.float32(0.008))
        for value in (0.1, 0.2)
    ]
    memory = term.begin(jax.random.key(0), law, jnp.float32(1.0), commands[0], None)
    memory, received = term.apply(
        jax.random.key(1), law, jnp.float32(1.0), memory, commands[1], None
    )
    missed = np.asarray(received.targets) == np.float32(0.1)
    assert 0.2 < missed.mean() < 0.3
    np.testing.assert_array_equal(memory, received.targets)
    _, same = term.apply(jax.random.key(1), law, jnp.float32(0.0), memory, commands[1], None)
    np.testing.assert_array_equal(same.targets, commands[1].targets)
