"""The sample catalogue: invented films, drawn posters, and a replica of the sites that would show them."""
