"""Runs: their work directories and their trained policies."""
