"""Randomised appearance of frames: cameras, lights, colours.

Laws follow OpenAI (2018), Table 9, where it has one. Unity's light units differ from MuJoCo's:
`unit` is the diffuse light of one Unity unit. Metallic and gloss become MuJoCo's specular and
shininess.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax.hand import rotations
from dactyl_jax.rendering import Looks
from dactyl_jax.vision.terms import Materials, Term, direction, integer, uniform

TABLE_9 = "OpenAI 2018, Table 9"


def camera_position(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Shifts each camera along each axis."""
    shift = uniform(key, -law.spread, law.spread, looks.camera_position.shape)
    return dataclasses.replace(looks, camera_position=looks.camera_position + shift)


def camera_rotation(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Rotates each camera about a random axis."""
    share = uniform(key, 0.0, 1.0, (3, looks.camera_quaternion.shape[0]))
    axis = direction(2 * share[0] - 1, share[1])
    turn = rotations.from_axis_angle(axis, share[2] * jnp.radians(law.largest_deg))
    turned = rotations.multiply(looks.camera_quaternion, turn)
    return dataclasses.replace(looks, camera_quaternion=turned)


def field_of_view(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Varies each camera's vertical field of view, degrees."""
    change = uniform(key, -law.spread_deg, law.spread_deg, looks.field_of_view.shape)
    return dataclasses.replace(looks, field_of_view=looks.field_of_view + change)


def hand_colour(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Gives each material of the hand a random colour."""
    colours = uniform(key, law.low, law.high, (len(materials.hand), 3))
    return _recolour(looks, materials.hand, colours)


def hand_finish(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Varies the shininess of the hand's materials."""
    return _finish(key, law, looks, materials.hand)


def object_colour(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Varies each colour of the object slightly, so that its faces stay distinguishable."""
    hsv = _to_hsv(looks.rgba[materials.object, :3])
    spread = jnp.array([law.hue, law.saturation, law.value])
    hsv += spread * uniform(key, -1.0, 1.0, hsv.shape)
    hsv = jnp.stack(
        [hsv[:, 0] % 1.0, jnp.clip(hsv[:, 1], 0, 1), jnp.clip(hsv[:, 2], 0, 1)], axis=-1
    )
    return _recolour(looks, materials.object, _from_hsv(hsv))


def object_finish(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Varies the shininess of the object's materials."""
    return _finish(key, law, looks, materials.object)


def background(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Gives the table a random colour, plain or with one of its patterns."""
    share = uniform(key, 0.0, 1.0, (5,))
    pattern = jnp.where(
        share[3] < law.pattern_probability, integer(share[4], 1, materials.patterns), 0
    )
    table = law.low + (law.high - law.low) * share[:3]
    return dataclasses.replace(looks, table=table, pattern=pattern)


def lights(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Draws the number of lights, their directions in the upper hemisphere, and their brightness,
    in total and individually."""
    count = looks.light_colour.shape[0]
    number_key, light_key = jax.random.split(key)
    share = uniform(number_key, 0.0, 1.0, (2,))
    height, azimuth, relative = uniform(light_key, 0.0, 1.0, (3, count))
    shines = jnp.arange(count) < integer(share[0], law.fewest, law.most + 1)
    relative = law.relative_low + (law.relative_high - law.relative_low) * relative
    relative = jnp.where(shines, relative, 0.0)
    total = law.unit * (law.total_low + (law.total_high - law.total_low) * share[1])
    brightness = total * relative / jnp.sum(relative)
    return dataclasses.replace(
        looks,
        light_direction=-direction(height, azimuth),
        light_colour=jnp.tile(brightness[:, None], (1, 3)),
    )


def light_colour(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Tints each light."""
    factor = uniform(key, 1 - law.spread, 1 + law.spread, looks.light_colour.shape)
    return dataclasses.replace(looks, light_colour=looks.light_colour * factor)


def ambient(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Adds ambient light, so that no frame is black."""
    return dataclasses.replace(looks, light_ambient=uniform(key, law.low, law.high))


def shadows(key: jax.Array, law: ConfigDict, looks: Looks, materials: Materials) -> Looks:
    """Chooses the lights that cast shadows; each of them costs another ray per pixel."""
    casts = jax.random.uniform(key, looks.light_shadow.shape) < law.probability
    return dataclasses.replace(looks, light_shadow=casts)


TERMS = (
    Term("camera_position", TABLE_9, {"spread": 0.0015}, camera_position),  # m
    Term("camera_rotation", TABLE_9, {"largest_deg": 3.0}, camera_rotation),
    Term("field_of_view", TABLE_9, {"spread_deg": 1.0}, field_of_view),
    Term("hand_colour", TABLE_9, {"low": 0.0, "high": 1.0}, hand_colour),
    Term(
        "hand_finish",
        TABLE_9,
        {"specular_low": 0.05, "specular_high": 0.25, "shininess_low": 0.0, "shininess_high": 1.0},
        hand_finish,
    ),
    Term(
        "object_colour",
        TABLE_9,
        {"hue": 0.01, "saturation": 0.15, "value": 0.15},
        object_colour,
    ),
    Term(
        "object_finish",
        TABLE_9,
        {
            "specular_low": 0.05,
            "specular_high": 0.15,
            "shininess_low": 0.05,
            "shininess_high": 0.15,
        },
        object_finish,
    ),
    Term(
        "background",
        "ours",
        {"low": 0.0, "high": 1.0, "pattern_probability": 0.5},
        background,
    ),
    Term(
        "lights",
        TABLE_9,
        {
            "fewest": 4,
            "most": 6,
            "relative_low": 1.0,
            "relative_high": 5.0,
            "total_low": 0.0,
            "total_high": 15.0,
            "unit": 0.1,
        },
        lights,
    ),
    Term("light_colour", "ours", {"spread": 0.15}, light_colour),
    Term("ambient", "ours", {"low": 0.15, "high": 0.5}, ambient),
    Term("shadows", "ours", {"probability": 0.3}, shadows),
)


def _recolour(looks: Looks, materials: np.ndarray, colours: jax.Array) -> Looks:
    return dataclasses.replace(looks, rgba=looks.rgba.at[materials, :3].set(colours))


def _finish(key: jax.Array, law: ConfigDict, looks: Looks, materials: np.ndarray) -> Looks:
    low = jnp.array([[law.specular_low], [law.shininess_low]])
    high = jnp.array([[law.specular_high], [law.shininess_high]])
    specular, shininess = uniform(key, low, high, (2, len(materials)))
    return dataclasses.replace(
        looks,
        specular=looks.specular.at[materials].set(specular),
        shininess=looks.shininess.at[materials].set(shininess),
    )


def _to_hsv(rgb: jax.Array) -> jax.Array:
    """Hue, saturation and value of colours `[..., 3]`, all 0 to 1."""
    value, least = jnp.max(rgb, axis=-1), jnp.min(rgb, axis=-1)
    spread = value - least
    r, g, b = jnp.moveaxis(rgb, -1, 0)
    safe = jnp.where(spread > 0, spread, 1.0)
    hue = jnp.where(
        value == r, (g - b) / safe, jnp.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    hue = jnp.where(spread > 0, hue / 6 % 1.0, 0.0)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1.0), 0.0)
    return jnp.stack([hue, saturation, value], axis=-1)


def _from_hsv(hsv: jax.Array) -> jax.Array:
    """Inverse of `_to_hsv`."""
    hue, saturation, value = hsv[..., :1], hsv[..., 1:2], hsv[..., 2:]
    phase = (jnp.array([5.0, 3.0, 1.0]) + 6 * hue) % 6
    return value - value * saturation * jnp.clip(jnp.minimum(phase, 4 - phase), 0, 1)
