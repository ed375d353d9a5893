"""The simulated Shadow hand and the objects that it turns."""
