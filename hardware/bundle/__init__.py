"""A policy bundle: its format, the networks and the kinematics in it, and model patches."""
