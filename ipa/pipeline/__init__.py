"""What there is to choose from, and what was chosen."""
