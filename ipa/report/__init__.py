"""What a reader sees: notebooks, figures and claims, made and checked."""
