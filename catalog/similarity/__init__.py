"""Look-alikes.

Others may use `search` (the movies whose posters are nearest to a movie's) and `comparison` (of extractors,
on a folder of images).
"""
