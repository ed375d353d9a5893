"""What all programs share: file output, machine information and the origin of results."""
