"""From readings of the hand to targets of its actuators, as in training."""
