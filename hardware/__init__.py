"""What leaves the lab: a policy as a folder of plain files, and the programs that run it on a hand.

On the robot host this needs Python 3.8, numpy and onnxruntime, rospy to reach a hand over ROS 1,
and mcap to write logs. `export` with `export_eyes`, `simulated_hand` with `simulated_cameras`, and
`identification` belong to the training machine; they alone import `dactyl_jax`, and nothing else
here imports them unless it is asked for a simulation or a fit.
"""
