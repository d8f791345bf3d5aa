"""The columnar parts of rating: zones, timelines, signatures, prices and shares over whole arrays of whole numbers."""
