"""A plain Python library: knows images, vectors and genres; knows no Django."""
