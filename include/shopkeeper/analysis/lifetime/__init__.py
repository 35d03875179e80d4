"""What customers will still bring: BG/NBD and Gamma-Gamma where they buy when they like, margin × retention where they have a contract."""
