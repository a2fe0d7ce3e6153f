"""What the CLIs print: typed messages, one line at a time. No I/O."""
