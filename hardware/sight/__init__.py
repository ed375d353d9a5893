"""Where object and fingertips are: motion trackers, or cameras and the pose network."""
