"""Image and genre models, as a plain Python library: no module imports Django or the site."""
