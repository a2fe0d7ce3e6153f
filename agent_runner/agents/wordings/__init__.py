"""What CLIs and their providers say when a turn fails, as data: one file for each of them."""
