"""Object pose from cameras, for evaluating a policy."""

from dactyl_jax import evaluation, pretrained
from dactyl_jax.errors import UserError
from dactyl_jax.vision.checkpoints import restore_estimator
from experiments.vision import directory, frames


def make_eye(workdir: str | None, renderer: str, *, object: str, tilt: float) -> evaluation.Eye:
    """Makes the cameras and the pose network that estimate the object's pose for a policy.

    Args:
        workdir: work directory of the network's run; None: the package's network.
        renderer: `warp` or `gl`.
        object, tilt: object and palm tilt of the task; must equal those of the network's training.

    Raises:
        UserError: the network was trained with another object or tilt.
    """
    if workdir is None:
        config, estimator, _ = pretrained.load_vision()
    else:
        config, estimator = (
            directory.work_directory(workdir).load_config(),
            restore_estimator(workdir),
        )
    for name, value in (("object", object), ("tilt", tilt)):
        if config[name] != value:
            raise UserError(
                f"--vision_workdir: its network was trained with {name}={config[name]!r}, the task "
                f"has {value!r}; train a network with --config.{name}={value}"
            )
    model = frames.load_model(config)
    source = frames.make_looks(config, model, frames.HELD_OUT)
    views = frames.make_views(renderer, model, config.image_size)
    return evaluation.Eye(estimator, views, source)
