"""What stands between every controller and the hand: limits, plausible readings, and the guard."""
