"""Programs: each parses flags, calls the library and reports."""
