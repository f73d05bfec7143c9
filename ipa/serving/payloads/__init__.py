"""What a load consists of: requests whose content is made from a seed, one module a kind."""
