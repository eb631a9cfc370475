"""gunicorn's settings for every installation: `gunicorn --config python:postersite.web.gunicorn_settings`."""

wsgi_app = "postersite.wsgi"
worker_class = "postersite.web.worker.Worker"
workers = 2
threads = 4
timeout = 60
graceful_timeout = 8
control_socket_disable = True
