"""The closed loop: what calls for action becomes a work order, somebody calls the customer, and what came of it is kept."""
