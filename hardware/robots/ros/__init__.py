"""A hand over ROS 1. Needs rospy and the messages that `topics` lists."""
