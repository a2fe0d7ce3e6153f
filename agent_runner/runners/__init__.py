"""Run a prompt on a CLI: the only place where a session meets a process."""
