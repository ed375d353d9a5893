"""Trials on a hand: goals, the guarded loop of the policy, the log and what is said of it."""
