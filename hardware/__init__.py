"""What leaves the lab: a policy as a folder of plain files, and the programs that run it on a hand.

On the robot host this needs Python 3.8, numpy and onnxruntime, rospy to reach a hand over ROS 1,
and mcap to write logs. The simulated hand, its cameras and the fit of a calibration need MuJoCo as
well. All of it stands on the bundle: `export`, which makes bundles where one trains, alone imports
`dactyl_jax`.
"""
