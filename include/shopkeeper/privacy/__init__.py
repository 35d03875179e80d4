"""Personal data: what is replaced before analysts read it."""
