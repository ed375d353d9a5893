"""What every program stands on: files, the machine, and where results come from."""
