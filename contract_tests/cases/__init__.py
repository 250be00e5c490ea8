"""Cases for which a target must offer more than a live service does: the mock's clock, and a look into it."""
