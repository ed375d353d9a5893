"""The bundle of a policy: its files, written and verified."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments import origin, runs
from experiments.export import contract, golden, models, networks, vision
from experiments.export.vision import TrainedPoseNetwork
from experiments.workdir import WorkDirectory
from hardware.bundle import arrays, store
from hardware.simulation.models import difference
from hardware.trials import verification

_KINDS = ("paper", "proprioceptive")  # of observations that sensors give


def export(run: str, out: Path, pose: TrainedPoseNetwork | None = None) -> dict[str, float]:
    """Writes the bundle of a policy and verifies it.

    Args:
        run: as `experiments.runs` takes it.
        out: a folder that is not there yet.
        pose: a pose network to go with the policy.

    Returns:
        What `verification.verify` found.

    Raises:
        UserError: the policy cannot leave the simulation, or the pose network was trained for
            another task.
        hardware.base.errors.UserError: the export differs from what was trained.
    """
    config, checkpoint = runs.load_config(run), runs.load_policy(run)
    if config.env.policy_observation not in _KINDS:
        raise UserError(
            f"config.env.policy_observation of {run!r} is {config.env.policy_observation!r}, which "
            f"no sensor gives: export a policy of one of {', '.join(_KINDS)}"
        )
    if out.exists():
        raise UserError(f"--out: {str(out)!r} is there already; choose a new folder")
    if pose is not None:
        vision.check(pose, config.env)
    files = contents(config, checkpoint, _training(run), pose)
    with tempfile.TemporaryDirectory(dir=_existing(out)) as folder:
        finished = Path(folder) / out.name
        store.write(finished, files)
        off = verification.verify(store.load(str(finished)))
        out.parent.mkdir(parents=True, exist_ok=True)
        os.replace(finished, out)
    return off


def contents(
    config: ConfigDict,
    checkpoint: PolicyCheckpoint,
    training: dict[str, Any],
    pose: TrainedPoseNetwork | None = None,
    *,
    episodes: int = 4,
    steps: int = 50,
    frames: int = 4,
) -> dict[str, bytes]:
    """The files of a policy's bundle.

    Args:
        config: of the policy's training.
        checkpoint: the policy.
        training: where it came from, as strict JSON has it.
        pose: a pose network to go with it.
        episodes, steps, frames: size of the golden part.
    """
    described = contract.describe(config, checkpoint) | {"training": training}
    xml = models.hand_xml(config)
    numbers = {"training": difference(models.build_world(config, "training"), xml)}
    numbers["surrogate"] = difference(models.build_world(config, "surrogate"), xml)
    files = {
        "policy.onnx": networks.policy_graph(checkpoint.agent),
        "hand.xml": xml.encode(),
        "golden.npz": arrays.pack(golden.episodes(config, checkpoint.agent, episodes, steps)),
    }
    if pose is not None:
        described["vision"] = vision.describe(pose)
        scene, numbers["scene"] = models.scene_xml(pose.config)
        files["scene.xml"] = scene.encode()
        files["pose.onnx"] = networks.pose_graph(pose.estimator)
        files["pictures.npz"] = arrays.pack(golden.pictures(pose.config, pose.estimator, frames))
    files["numbers.npz"] = arrays.pack(
        {f"{model}/{name}": a for model, fields in numbers.items() for name, a in fields.items()}
    )
    return files | {"bundle.json": _json(described)}


def _training(run: str) -> dict[str, Any]:
    """Where the policy came from and how it did there; what is not known is left out."""
    word, _, name = run.partition(":")
    if word == "pretrained":
        return {"run": run, **pretrained.load(name or pretrained.NAMES[0])[2]}
    workdir = WorkDirectory(run)
    report = workdir.report / "evaluation.json"
    found: dict[str, Any] = {"run": run, "origin": origin.read(workdir)}
    if report.is_file():
        found["evaluation"] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _existing(path: Path) -> Path:
    parent = path.absolute().parent
    while not parent.is_dir():
        parent = parent.parent
    return parent
