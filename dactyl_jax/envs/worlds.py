"""The worlds of the task: the training world, and a surrogate of the real robot.

The surrogate is a different hand. Its bodies, motors and numerics differ from training, partly
outside the randomised ranges (OpenAI 2018, Table 1), partly where training has no parameter. It
never changes. A policy's score in it shows how well the policy transfers to a hand outside its
training distribution. The tables below define it completely. One of its control steps costs about
six times as much as one in training.
"""

import mujoco
import numpy as np
from ml_collections import ConfigDict

from dactyl_jax import hand, randomization
from dactyl_jax.errors import UserError

# Numerics: small time steps and nearly converged contacts. Nothing that a policy learned about the
# large steps and the few iterations of training holds.
_OPTIONS = {
    "timestep": 0.002,  # s; 0.008 in training
    "cone": mujoco.mjtCone.mjCONE_ELLIPTIC,  # isotropic friction
    "iterations": 100,
    "ls_iterations": 50,
    "tolerance": 1e-10,
    "gravity": (0.29, -0.20, -9.80),  # m/s2: the base is mounted 2 degrees off level
}

# Actuator gains are only roughly known, and calibration centres training on them. Five lie outside
# training's factors of 0.75 to 1.5. Factors on each actuator's gain.
_GAINS = {
    **{"WRJ2": 0.85, "WRJ1": 1.25},
    **{"FFJ4": 1.30, "FFJ3": 0.80, "FFJ0": 1.60},
    **{"MFJ4": 0.70, "MFJ3": 1.10, "MFJ0": 1.35},
    **{"RFJ4": 1.15, "RFJ3": 1.65, "RFJ0": 0.90},
    **{"LFJ5": 0.80, "LFJ4": 1.40, "LFJ3": 0.65, "LFJ0": 1.20},
    **{"THJ5": 1.45, "THJ4": 0.85, "THJ3": 1.20, "THJ2": 0.70, "THJ1": 1.30},
}

# Tendons and seals cause friction: damping lies partly outside training's factors of 0.3 to 3, dry
# friction reaches two and a half times training's fixed 0.01 N m. Sensors have zero offsets, so the
# limits are not where the controller expects them. For each joint: damping factor, friction loss
# [N m], shifts of the lower and upper limit [rad].
_JOINTS = {
    "WRJ2": (1.8, 0.025, -0.02, 0.01),
    "WRJ1": (0.6, 0.020, 0.03, -0.02),
    "FFJ4": (0.5, 0.012, 0.02, 0.03),
    "FFJ3": (2.2, 0.015, -0.04, -0.03),
    "FFJ2": (0.8, 0.008, 0.03, 0.02),
    "FFJ1": (3.4, 0.014, 0.00, -0.05),
    "MFJ4": (1.6, 0.010, -0.03, -0.01),
    "MFJ3": (0.4, 0.018, 0.05, 0.02),
    "MFJ2": (2.8, 0.012, 0.02, -0.04),
    "MFJ1": (0.7, 0.007, 0.04, 0.03),
    "RFJ4": (0.25, 0.014, 0.04, -0.02),
    "RFJ3": (1.3, 0.011, -0.02, 0.05),
    "RFJ2": (3.2, 0.016, 0.05, 0.01),
    "RFJ1": (1.1, 0.009, 0.01, -0.03),
    "LFJ5": (2.0, 0.020, 0.03, -0.05),
    "LFJ4": (0.6, 0.009, -0.02, 0.02),
    "LFJ3": (1.9, 0.013, 0.03, -0.02),
    "LFJ2": (0.35, 0.017, 0.01, 0.04),
    "LFJ1": (2.5, 0.010, 0.03, 0.02),
    "THJ5": (1.4, 0.022, 0.05, -0.04),
    "THJ4": (0.3, 0.016, 0.02, -0.03),
    "THJ3": (2.6, 0.012, -0.03, 0.02),
    "THJ2": (0.9, 0.015, 0.04, 0.03),
    "THJ1": (1.7, 0.008, -0.05, -0.02),
}

# The pulleys of a coupled finger differ, so its tendon does not move by the J1 + J2 that the
# controller assumes. The tendon has friction. A spring keeps the last joint straight until the
# middle one has moved, as in the real fingers. Moment arms of J1 and J2.
_MOMENT_ARMS = {"FF": (0.85, 1.15), "MF": (0.92, 1.08), "RF": (1.08, 0.92), "LF": (0.80, 1.20)}
_TENDON_FRICTION = 0.008  # N m
_J1_STIFFNESS = 0.015  # N m/rad

# Skin, cables and markers add mass, most of all at the fingertips (outside training's 0.5 to 1.5).
# The object is heavier than nominal. Factors on mass and inertia, by the ending of the body's name.
_MASSES = {
    **{"palm": 1.10, "knuckle": 1.20, "metacarpal": 1.10, "thbase": 1.20, "thhub": 1.20},
    **{"proximal": 1.15, "middle": 1.30, "distal": 1.60, "object": 1.20},
}

# Rubber fingertips grip and resist twisting; the palm's cover is smooth. On both, sliding friction
# lies outside training's 0.7 to 1.3. On the other links it lies inside, and the object's friction
# applies. Friction by the ending of the geom's name: sliding [1], torsional [m], rolling [m].
_SURFACES = {
    "distal": (1.45, 0.008, 0.0002),
    "palm": (0.60, 0.004, 0.0001),
    "lfmetacarpal": (0.60, 0.004, 0.0001),
}
_OBJECT_FRICTION = (0.85, 0.003, 0.0001)
_CONTACT_DIMENSIONS = 4  # includes torsion; 3 in training
_FINGER_FRICTION = 0.5  # sliding, between fingers; none in training
_SOLREF = (0.006, 1.0)  # contacts and limits: stiffer than training's time constants of 16-20 ms
_SOLIMP = (0.95, 0.99, 0.0005, 0.5, 2.0)

# Motors and sensors, as terms of `randomization.TERMS`. All other terms are off, knocks included.
_TERMS = {
    # Controller offsets are large and constant rather than redrawn each step. In unit actions.
    "action_noise": {
        **{"additive_episode": 0.04, "additive_step": 0.04},
        **{"multiplicative_episode": 0.0, "multiplicative_step": 0.03},
    },
    # Inference, network and motors together delay all actuators by one control step.
    "action_delay": {"probability": 1.0},
    # Backlash varies three times as much between actuators; the slowest take it up more slowly.
    "backlash": {"spread": 0.3, "slowest": 1.0},
    # Markers are glued on by hand and calibrated once; noise is at or slightly above Table 7.
    "marker_placement": {"fingertip": 0.004, "base": 0.0015},
    "fingertip_noise": {"episode": 0.0015, "step": 0.002},
    "position_noise": {"episode": 0.006, "step": 0.0015},
    "orientation_noise": {"episode": 0.10, "step": 0.12},
    # With fewer cameras, markers are occluded slightly sooner and lost half as often again.
    "marker_occlusion": {"marker_distance": 0.018, "object_distance": 0.006},
    "marker_dropout": {"fingertip_rate": 0.3, "object_rate": 0.03, "mean_s": 1.0},
}


def build(config: ConfigDict) -> tuple[ConfigDict, mujoco.MjModel]:
    """Builds the world `config.env.world`: its model and the matching configuration.

    `training` is the hand with the values of `config.env.model_patch`; the configuration is
    returned unchanged. `surrogate` returns a copy with physics steps of 2 ms and the surrogate's
    actuation and sensing terms, whichever terms were enabled.

    Raises:
        ValueError: `config.env.control_dt` is not a whole multiple of the surrogate's physics step,
            or the file is not a model patch.
    """
    model = hand.load_model(
        config.env.object,
        tilt=config.env.tilt,
        motors=config.env.motors,
        finger_collisions=config.env.finger_collisions,
        locked_wrist=config.env.locked_wrist,
        patch=config.env.model_patch if config.env.world == "training" else "",
    )
    model.opt.timestep = config.env.sim_dt
    if config.env.world == "training":
        return config, model
    config = config.copy_and_resolve_references()
    config.env.sim_dt = _OPTIONS["timestep"]
    config.adr.enabled = False  # the table's terms act at full strength
    config.randomization = "none"
    for term in randomization.TERMS:
        config.terms[term.name].enabled = term.name in _TERMS
        config.terms[term.name].update(_TERMS.get(term.name, {}))
    steps = config.env.control_dt / config.env.sim_dt
    if abs(steps - round(steps)) > 1e-6:
        raise UserError(
            f"config.env.control_dt is {config.env.control_dt!r}; in the surrogate it must be a "
            f"whole multiple of the physics step of {config.env.sim_dt} s"
        )
    _alter(model)
    return config, model


def _alter(model: mujoco.MjModel) -> None:
    """Applies the tables to the hand and the object."""
    for option, value in _OPTIONS.items():
        setattr(model.opt, option, value)
    for name, gain in _GAINS.items():
        actuator = model.actuator(f"rh_A_{name}")
        actuator.gainprm[0] *= gain
        actuator.biasprm[1] *= gain
    for name, (damping, loss, low, high) in _JOINTS.items():
        joint = model.joint(f"rh_{name}")
        joint.damping *= damping
        joint.frictionloss[:] = loss
        joint.range += (low, high)
    for finger, arms in _MOMENT_ARMS.items():
        model.joint(f"rh_{finger}J1").stiffness[:] = _J1_STIFFNESS
        tendon = model.tendon(f"rh_{finger}J0").id
        model.tendon_frictionloss[tendon] = _TENDON_FRICTION
        model.wrap_prm[model.tendon_adr[tendon] + np.arange(2)] = arms
    for i in range(model.nbody):
        for ending, factor in _MASSES.items():
            if model.body(i).name.endswith(ending):
                model.body_mass[i] *= factor
                model.body_inertia[i] *= factor
    for i in range(model.ngeom):
        for ending, friction in _SURFACES.items():
            if model.geom(i).name.endswith(ending):
                model.geom_friction[i] = friction
                model.geom_priority[i] = 2  # takes precedence over the object, which has 1
    model.geom_friction[model.geom_bodyid == model.body("object").id] = _OBJECT_FRICTION
    model.geom_condim[:] = _CONTACT_DIMENSIONS
    model.pair_dim[:] = 3
    model.pair_friction[:, :2] = _FINGER_FRICTION
    for solref in (model.geom_solref, model.pair_solref, model.jnt_solref, model.tendon_solref_lim):
        solref[:] = _SOLREF
    for solimp in (model.geom_solimp, model.pair_solimp):
        solimp[:] = _SOLIMP
    mujoco.mj_setConst(model, mujoco.MjData(model))
