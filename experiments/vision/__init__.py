"""Training and measuring the network that estimates the object's pose."""
