"""A hand over ROS 1; needs rospy and the message types that `topics` lists."""
