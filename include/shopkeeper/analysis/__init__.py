"""What SQL does badly: models of customers' value, effects and their doubt. Read from the warehouse, written back to schema `analysis`."""
