"""URLs of the public pages."""

from django.urls import path

from .views import compare, heat_map, home, media, movie, runs, status

app_name = "catalog"
urlpatterns = [
    path("", home.home, name="home"),
    path("movie/<int:pk>/", movie.movie, name="movie"),
    path("compare/", compare.pick, name="compare_pick"),
    path("compare/random/", compare.surprise, name="surprise"),
    path("compare/<int:pk>/", compare.compare, name="compare"),
    path("heat-map/<int:pk>/", heat_map.page, name="heat_map"),
    path("heat-map/<int:pk>.json", heat_map.data, name="heat_map_data"),
    path("heat-map/<int:pk>.png", heat_map.picture, name="heat_map_picture"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/live/", runs.live, name="live_runs"),
    path("runs/start/", runs.start, name="start_run"),
    path("runs/<int:pk>/", runs.run_detail, name="run"),
    path("runs/<int:pk>/retry/", runs.retry, name="retry_run"),
    path("runs/<int:pk>/cancel/", runs.cancel, name="cancel_run"),
    path("media/<path:name>", media.media, name="media"),
    path("robots.txt", status.robots, name="robots"),
    path("favicon.ico", status.favicon, name="favicon"),
]
