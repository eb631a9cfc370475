"""The JSON API, read-only: movies, their look-alikes, and how runs are doing."""

from ninja import NinjaAPI

api = NinjaAPI(title="Postersite", version="1", urls_namespace="api")
