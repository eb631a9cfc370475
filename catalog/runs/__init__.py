"""The engine for long-running work: kinds, lifecycle, chunks, leases, progress, recovery, schedules."""
