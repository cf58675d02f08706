"""Finding the knobs that made a mix, from the mix and its own tracks; `recovered` is the way in."""
