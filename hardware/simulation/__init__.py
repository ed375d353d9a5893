"""A simulated hand and its cameras; needs MuJoCo but no training code."""
