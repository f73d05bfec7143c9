"""What several test modules share: toy problems, models to compare with, hand-made tables."""
