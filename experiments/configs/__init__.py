"""Configurations that programs take by --config."""
