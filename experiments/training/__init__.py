"""Policy training, from a configuration to a run's last checkpoint."""
