"""What leaves the lab: a policy as a folder of plain files, and the programs that run it on a hand.

On the robot host this needs Python 3.8, numpy and onnxruntime, rospy to reach a hand over ROS 1,
and mcap to write logs. `simulation` and the fit in `calibration` need MuJoCo as well. All of it
stands on the bundle: the program `export`, which makes bundles where one trains, alone imports
`experiments` and, by it, `dactyl_jax`.

Each package imports from those before it only::

    base <- bundle <- policy, sight, safety <- robots <- trials <- simulation <- calibration

The programs, modules with a `main`, stand on top, and none imports another.
"""
