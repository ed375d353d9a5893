"""Runs: their work directories, and the policies that came of them."""
