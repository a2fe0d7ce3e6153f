"""Measurements beside a peer or a limit. Each prints our figure, the other's, the ratio."""
