"""Signs that a score is gamed: what is more frequent at one unit than at the others, for customers alike. For review, never proof."""
