"""The CRM's side of the closed loop: what it is told of our work orders and answers, and what it says back. At least once."""
