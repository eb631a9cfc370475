"""What `make run` starts: a broker that needs no installation, the site's processes, and a watch on them."""
