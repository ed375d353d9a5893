"""Shared basics of `hardware`: errors, command lines, messages, rotations and frames."""
