"""The sample catalogue: invented films with their posters, and a replica of the web sites that show them.

Others may use ``films`` (the films and the files to import), ``site`` (the replica, also a command) and
``site_movies`` (films of one's own for the replica).
"""
