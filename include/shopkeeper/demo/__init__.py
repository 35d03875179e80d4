"""The sample company: a seeded simulator with planted truth."""
