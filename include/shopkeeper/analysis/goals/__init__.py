"""Goals: what they may come to, and whether their parts add up to them."""
