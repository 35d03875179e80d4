"""Erasing a person: who it is, what gives the person away, where it stands, and the proof that it stands there no more."""
