"""Policy bundles: writes and verifies their files."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dactyl_jax import pretrained
from dactyl_jax.envs import observation
from dactyl_jax.errors import UserError
from dactyl_jax.learning import PolicyCheckpoint
from experiments.export import contract, golden, models, networks, vision
from experiments.export.vision import TrainedPoseNetwork
from experiments.runs import policies
from experiments.runs.workdir import WorkDirectory
from hardware.bundle import arrays, store
from hardware.simulation.models import difference
from hardware.trials import verification


def export(run: str, out: Path, pose: TrainedPoseNetwork | None = None) -> dict[str, float]:
    """Writes a policy's bundle and verifies it.

    Args:
        run: the policy, see `policies.load_policy`.
        out: output folder; must not exist.
        pose: pose network to include, or None.

    Returns:
        The deviations that `verification.verify` found.

    Raises:
        UserError: the policy needs observations that no sensor provides, `out` exists, or the pose
            network was trained for another task.
        hardware.base.errors.UserError: the exported networks differ from the trained ones.
    """
    config, checkpoint = policies.load_config(run), policies.load_policy(run)
    if config.env.policy_observation not in observation.POLICY:
        raise UserError(
            f"config.env.policy_observation of {run!r} is {config.env.policy_observation!r}, which "
            f"no sensor measures; export a policy with one of {', '.join(observation.POLICY)}"
        )
    if out.exists():
        raise UserError(f"--out: {str(out)!r} already exists; choose a new folder")
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
    """Returns the files of a policy's bundle.

    Args:
        config: training configuration of the policy.
        checkpoint: the policy.
        training: origin of the policy, as strict JSON.
        pose: pose network to include, or None.
        episodes, steps, frames: size of the golden data.
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
    """Returns the policy's origin and evaluation; unknown fields are omitted."""
    word, _, name = run.partition(":")
    if word == "pretrained":
        return {"run": run, **pretrained.load(name or pretrained.NAMES[0])[2]}
    workdir = WorkDirectory(run)
    report = workdir.report / "evaluation.json"
    found: dict[str, Any] = {"run": run, "origin": workdir.read_origin()}
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
