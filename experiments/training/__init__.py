"""Training a policy: from a configuration to a run's last checkpoint."""
