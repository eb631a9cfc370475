"""What `manage.py up` starts: the embedded broker, the site's processes, and the supervisor that runs them.

Any command may use `broker.broker_running` and `errors.StartError`; the commands `up`, `setup`, `status` and
`run_sample` use the rest.
"""
