"""Posters with known genres: a CSV and a folder of images, checked row by row, and hashes of the images."""
