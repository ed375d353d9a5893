"""The interface to a hand, and its ROS 1 client."""
