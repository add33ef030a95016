"""Labels that all data sets here share."""

IGNORE = 255  # pixels without a class
