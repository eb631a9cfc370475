"""The Celery application. Run state lives in the database, so no result backend is set."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postersite.settings")

app = Celery("postersite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["catalog"])
# config_from_object reads the transport options too late for the consumer's own copy of this one.
app.conf.visibility_timeout = app.conf.broker_transport_options.get("visibility_timeout")
