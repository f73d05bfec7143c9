"""Choose variant, batch size and replicas of every stage."""
