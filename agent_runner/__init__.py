"""agent-runner: drives coding-agent CLIs headlessly behind an HTTP and SSE API."""
