"""WSGI entry point of the web process."""

import os

# Read when numpy and numkong are first imported. For one vector at a time, starting a thread on each core
# costs several times as much as the product itself, and requests are answered by several threads already.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from .database_waits import limit_waits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postersite.settings")
application = get_wsgi_application()
limit_waits(settings.DATABASES["default"], settings.WEB_DATABASE_WAIT_S)
