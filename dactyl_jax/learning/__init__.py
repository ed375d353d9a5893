"""Recurrent proximal policy optimisation: networks, roll-out, update, trainer, checkpoints, agents."""
