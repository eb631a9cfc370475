"""What real processes survive: killed workers, lost tasks, several claimers at once."""
