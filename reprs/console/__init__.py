"""Controllers: from words, references and tracks to the knobs of effects."""
