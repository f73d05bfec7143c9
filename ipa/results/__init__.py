"""What a run leaves: records of requests and decisions, measures, files, provenance."""
