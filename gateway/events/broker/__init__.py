"""An optional broker: what one gateway reads of the log comes to the others (decision 0018)."""
