"""What customers write about: audited counts by a taxonomy, and what the taxonomy does not know yet."""
