"""The engine for long-running work. It knows no feature: packages register their kinds of run.

Others may call `kinds` (describe a kind), `lifecycle` (start, retry, cancel), `leases` (finish, fail or
postpone items), `steps` (process a run of a single item in steps), `progress`, `local_worker`, `recovery`
and `work_folders`. `chunks` is called by `lifecycle` and by whoever processes a batch.
"""
