"""Joints, ranges and actuators of the right Shadow Dexterous Hand, from the maker's documentation.

No file can widen these ranges: `safety` never sends a command beyond them. The lower limit of WRJ2
is the manual's; the published URDF's is 0.035 rad lower.
"""

from __future__ import annotations

RANGES = {  # rad
    "rh_WRJ2": (-0.489, 0.175),
    "rh_WRJ1": (-0.698, 0.489),
    **{
        f"rh_{finger}{joint}": limits
        for finger in ("FF", "MF", "RF")
        for joint, limits in (
            ("J4", (-0.349, 0.349)),
            ("J3", (-0.262, 1.571)),
            ("J2", (0.0, 1.571)),
            ("J1", (0.0, 1.571)),
        )
    },
    "rh_LFJ5": (0.0, 0.785),
    "rh_LFJ4": (-0.349, 0.349),
    "rh_LFJ3": (-0.262, 1.571),
    "rh_LFJ2": (0.0, 1.571),
    "rh_LFJ1": (0.0, 1.571),
    "rh_THJ5": (-1.047, 1.047),
    "rh_THJ4": (0.0, 1.222),
    "rh_THJ3": (-0.209, 0.209),
    "rh_THJ2": (-0.698, 0.698),
    "rh_THJ1": (-0.262, 1.571),
}
JOINTS = tuple(RANGES)
# One motor moves a finger's J1 and J2. Its actuator is called J0 and its angle is their sum.
ACTUATORS: dict[str, tuple[str, ...]] = {
    "rh_A_WRJ2": ("rh_WRJ2",),
    "rh_A_WRJ1": ("rh_WRJ1",),
    **{
        f"rh_A_{finger}{actuator}": tuple(f"rh_{finger}{joint}" for joint in joints)
        for finger in ("FF", "MF", "RF", "LF")
        for actuator, joints in (
            *([("J5", ("J5",))] if finger == "LF" else []),
            ("J4", ("J4",)),
            ("J3", ("J3",)),
            ("J0", ("J2", "J1")),
        )
    },
    **{f"rh_A_THJ{number}": (f"rh_THJ{number}",) for number in (5, 4, 3, 2, 1)},
}
