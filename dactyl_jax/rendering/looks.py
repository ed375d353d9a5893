"""How frames look apart from the state they show: cameras, lights, colours. Renderers take them."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from dactyl_jax.hand import RIG
from dactyl_jax.hand.rig import TABLE


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Looks:
    """The looks of one frame; of many with `[n]` in front.

    Attributes:
        camera_position: `[camera, 3]` m, in the frame of `rh_forearm`.
        camera_quaternion: `[camera, 4]`, orientations there, see `hand.Camera`.
        field_of_view: `[camera]` degrees, vertical.
        rgba: `[material, 4]`, 0 to 1.
        specular, shininess: `[material]`, 0 to 1.
        table: `[3]`, the table's colour, 0 to 1.
        pattern: `[]` int32, which of `rig.patterns` it has.
        light_direction: `[light, 3]`, in which each shines, in the world, of unit length.
        light_colour: `[light, 3]`, diffuse; 0 of those that do not shine.
        light_ambient: `[]`, light without direction, of no colour.
        light_shadow: `[light]` bool, which cast shadows.
    """

    camera_position: jax.Array
    camera_quaternion: jax.Array
    field_of_view: jax.Array
    rgba: jax.Array
    specular: jax.Array
    shininess: jax.Array
    table: jax.Array
    pattern: jax.Array
    light_direction: jax.Array
    light_colour: jax.Array
    light_ambient: jax.Array
    light_shadow: jax.Array


SPECULAR = 0.4  # of a light: its specular part as a share of its diffuse one


def camera_ids(model: mujoco.MjModel) -> np.ndarray:
    """Numbers of the rig's cameras in a model, in the rig's order.

    Raises:
        ValueError: the model was loaded without cameras.
    """
    names = [model.camera(i).name for i in range(model.ncam)]
    if any(camera.name not in names for camera in RIG):
        raise ValueError("model: it has no camera rig; load it with cameras=hand.RIG")
    return np.array([names.index(camera.name) for camera in RIG])


def nominal(model: mujoco.MjModel) -> Looks:
    """Those of a model with cameras, `hand.load_model(..., cameras=...)`."""
    cameras = camera_ids(model)
    active = model.light_active.astype(bool)

    def array(values) -> jax.Array:
        return jnp.asarray(np.asarray(values), jnp.float32)

    return Looks(
        camera_position=array(model.cam_pos[cameras]),
        camera_quaternion=array(model.cam_quat[cameras]),
        field_of_view=array(model.cam_fovy[cameras]),
        rgba=array(model.mat_rgba),
        specular=array(model.mat_specular),
        shininess=array(model.mat_shininess),
        table=array(model.mat_rgba[model.geom(TABLE).matid[0], :3]),
        pattern=jnp.int32(0),
        light_direction=array(model.light_dir),
        light_colour=array(model.light_diffuse * active[:, None]),
        light_ambient=array((model.light_ambient * active[:, None]).sum(axis=0).mean()),
        light_shadow=jnp.asarray(model.light_castshadow.astype(bool)),
    )
