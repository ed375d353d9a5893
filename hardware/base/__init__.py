"""What all of `hardware` stands on: errors, command lines, messages, rotations and frames."""
