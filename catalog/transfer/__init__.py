"""Export and restore of a whole catalogue, and tables as CSV or Parquet."""
