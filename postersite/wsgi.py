"""WSGI entry point of the web process."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from .database_waits import limit_waits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postersite.settings")
application = get_wsgi_application()
limit_waits(settings.DATABASES["default"], settings.WEB_DATABASE_WAIT_S)
