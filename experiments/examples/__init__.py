"""Short programs to copy from. Each runs as `python -m experiments.examples.NAME`."""
