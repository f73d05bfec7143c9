"""What one controller takes for many pipelines that serve, in the test cluster."""
