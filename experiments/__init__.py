"""Command-line programs, each run as `python -m experiments.<name>`."""
