"""The load test: many prompts in every mode, faults among them, and what becomes of each."""
