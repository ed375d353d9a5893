"""Programs: train, evaluate, record and benchmark, each `python -m experiments.<name>`."""
