"""The two frames that bear the forearm's name, with the same origin.

The policy's, which all of `hardware` means by `rh_forearm`, is that of the body in hand.xml, as the
hand's published MuJoCo model has it: the palm faces x. That of the maker's URDF, and so of ROS, is
a quarter turn apart: there the palm faces -y.
"""

from __future__ import annotations

import numpy as np

POLICY_FRAME = "policy"  # what messages call the former
FOREARM_FRAME = "rh_forearm"  # what they call the latter
FOREARM_TURN = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])  # the latter's orientation there
