"""One file an effect."""
