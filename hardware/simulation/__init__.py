"""A simulated hand and its cameras. Needs MuJoCo, and no training code."""
