"""The desk: where the front line works on what customers said."""
