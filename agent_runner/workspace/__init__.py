"""An agent's folder as people look at it: its files, and what became of them."""
