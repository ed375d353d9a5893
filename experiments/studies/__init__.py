"""Studies: variants that are trained alike, policies that are compared, and their records."""
