"""One file per question; each answers it with a table."""
