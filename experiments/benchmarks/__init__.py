"""Speed benchmarks: training, bare physics, rendering, and another project's environment."""
