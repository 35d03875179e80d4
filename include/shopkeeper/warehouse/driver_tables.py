"""What drives the score."""
