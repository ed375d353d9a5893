"""How fast it is: training, bare physics, pictures, and another project's environment."""
