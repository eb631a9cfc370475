"""A polite, guarded HTTP client. It imports nothing from the rest of the project.

Others use `client.PoliteClient` with a `policy.FetchPolicy`, which returns a `response.Response` or raises
one of `errors`; `guard.check_url`; `circuit_breaker.CircuitBreaker` for the hosts that are failing; and
`shared_state.delete_after_set_back`.
"""
