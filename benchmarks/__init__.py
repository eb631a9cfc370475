"""Scripts that measure or try the whole; `make bench` lists them."""
