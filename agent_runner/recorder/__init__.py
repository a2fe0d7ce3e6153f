"""Runs the real, pinned CLIs against stand-ins for their model APIs and keeps what they print.

The recordings under `fixtures/` are the ground truth of the schemas and adapters. Only the
`record` command, the real-CLI tests and the benchmarks come here; the service does not.
"""
