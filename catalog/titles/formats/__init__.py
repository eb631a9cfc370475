"""File formats of titles, one module per format: pure functions that read files, without the database.

Others may use `registry`, `records`, `temporary`, and the modules of formats.
"""
