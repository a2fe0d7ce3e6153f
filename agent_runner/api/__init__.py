"""HTTP and SSE: checks requests, calls the services, answers. Decides nothing else."""
