"""Studies: variants trained with equal experience, their comparison, and their records."""
