"""Presets for --config."""
