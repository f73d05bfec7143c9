"""Pretrained weights: where they come from, how they are fetched, checked and found again."""
