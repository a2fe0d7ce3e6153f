"""Approvals: what a run waits on a person for."""
