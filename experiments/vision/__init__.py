"""Training and evaluation of the network that estimates the object's pose."""
