"""Appearance of frames, independent of the state: cameras, lights, colours. Renderers use it."""

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
    """Appearance of one frame; of many with a leading `[n]`.

    Attributes:
        camera_position: `[camera, 3]` m, in the frame of `rh_forearm`.
        camera_quaternion: `[camera, 4]`, orientations in that frame, see `hand.Camera`.
        field_of_view: `[camera]` degrees, vertical.
        rgba: `[material, 4]`, 0 to 1.
        specular, shininess: `[material]`, 0 to 1.
        table: `[3]`, colour of the table, 0 to 1.
        pattern: `[]` int32, index in `rig.patterns`.
        light_direction: `[light, 3]`, unit vectors along which lights shine, world frame.
        light_colour: `[light, 3]`, diffuse; 0 if the light is off.
        light_ambient: `[]`, grey ambient light.
        light_shadow: `[light]` bool, whether it casts shadows.
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


SPECULAR = 0.4  # ratio of a light's specular to its diffuse part


def camera_ids(model: mujoco.MjModel) -> np.ndarray:
    """Indices of the rig's cameras in a model, in the rig's order.

    Raises:
        ValueError: the model was loaded without cameras.
    """
    names = [model.camera(i).name for i in range(model.ncam)]
    if any(camera.name not in names for camera in RIG):
        raise ValueError("model: it has no camera rig; load it with cameras=hand.RIG")
    return np.array([names.index(camera.name) for camera in RIG])


def nominal(model: mujoco.MjModel) -> Looks:
    """The model's default appearance; it needs cameras, `hand.load_model(..., cameras=...)`."""
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
