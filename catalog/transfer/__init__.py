"""Exporting and restoring the catalogue.

export.export_catalogue and restore.restore_catalogue write and read a complete export; errors says why they
cannot. tables writes titles and predictions as CSV and Parquet. snapshot reads the database as it is at one
moment, and checks whether it is migrated.
"""
