"""What a model server runs: one module per kind of task."""
