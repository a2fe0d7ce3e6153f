"""Strict decoding first, tolerant second; of no CLI in particular. No I/O."""
