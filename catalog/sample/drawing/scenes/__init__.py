"""What a poster shows: the scenes of each genre.

A scene is a function of a canvas, a palette and a random source; it fills the canvas and names the place it
left quiet for the title: ``top``, ``bottom``, ``foot`` (a bare lower third) or ``mount`` (below a framed
picture).
"""

from collections.abc import Callable
from random import Random

from catalog.sample.drawing.canvas import Canvas
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.scenes import night, open_air, peril, play, quiet, riddles, stage, wonder

Scene = Callable[[Canvas, Palette, Random], str]

SCENES: dict[str, tuple[Scene, ...]] = {
    "Action": (peril.blast, peril.car_chase, peril.rooftop_leap),
    "Adventure": (open_air.summit, open_air.tall_ship, open_air.jungle_temple, open_air.balloon_over_map),
    "Animation": (play.round_monster, play.robot_friend, play.floating_islands),
    "Children": (play.kite_hill, play.toy_rocket, play.balloon_parade),
    "Comedy": (stage.big_face, stage.umbrella_rain, stage.still_life_of_errors),
    "Crime": (riddles.fingerprint, riddles.night_city, riddles.playing_cards),
    "Documentary": (quiet.photograph, quiet.contours, quiet.contact_sheet, quiet.tree_rings),
    "Drama": (quiet.lone_figure, quiet.empty_chair, quiet.two_horizons, quiet.rainy_window),
    "Fantasy": (wonder.castle_crag, wonder.sword_of_light, wonder.dragon_spire),
    "Film-Noir": (night.venetian_blinds, night.street_lamp, night.staircase),
    "Horror": (night.house_on_the_hill, night.hands_from_below, night.eyes_in_the_wood, night.jaws),
    "Musical": (stage.spotlight, stage.piano_wave, stage.record),
    "Mystery": (riddles.keyhole, riddles.magnifying_glass, riddles.door_ajar),
    "Romance": (stage.overlapping_circles, stage.bench_under_tree, stage.bridge_by_moon, stage.rose),
    "Sci-Fi": (wonder.ringed_planet, wonder.grid_horizon, wonder.helmet, wonder.beacon_tower),
    "Thriller": (riddles.spiral, riddles.corridor, riddles.crosshair, riddles.shards),
    "War": (peril.bomber_formation, peril.wire_and_helmets, peril.parachutes),
    "Western": (open_air.mesas, open_air.cactus_road, open_air.tin_star, open_air.main_street),
}
