"""Import titles from files.

Others may use `importing`, `undo`, `report`, `imported_files`, `run_kinds`, and the package `formats`.
"""
