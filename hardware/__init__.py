"""Runs a trained policy on a hand; the policy is a bundle, a folder of plain files.

A robot host needs Python 3.8, numpy and onnxruntime, rospy to reach a hand over ROS 1, and mcap to
write logs. `simulation` and the fit in `calibration` also need MuJoCo. Only the program `export`,
which makes bundles on the training machine, imports `experiments` and, through it, `dactyl_jax`.

Each package imports only from those before it::

    base <- bundle <- policy, sight, safety <- robots <- trials <- simulation <- calibration

The programs are the modules with a `main`. They import these packages, never one another.
"""
