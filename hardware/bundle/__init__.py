"""Policy bundles: their format, networks and kinematics; and model patches."""
