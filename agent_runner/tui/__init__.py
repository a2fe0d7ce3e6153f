"""The terminal UI: approvals to decide, beside the runs that wait for them. Speaks HTTP only."""
