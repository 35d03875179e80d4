"""What calls to the silent told."""
