"""The two frames named after the forearm; they share their origin.

The policy's frame is the body `rh_forearm` of hand.xml and of the hand's published MuJoCo model; in
it the palm faces x. Everywhere in `hardware`, `rh_forearm` means this frame. ROS's frame is the
link of the maker's URDF, a quarter turn away; in it the palm faces -y.
"""

from __future__ import annotations

import numpy as np

POLICY_FRAME = "policy"  # the policy's frame in messages
FOREARM_FRAME = "rh_forearm"  # ROS's frame in messages
FOREARM_TURN = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])  # ROS's in the policy's frame
