"""What a hand is to programs, and the one that is reached over ROS."""
