"""The console command `agent-runner`."""
