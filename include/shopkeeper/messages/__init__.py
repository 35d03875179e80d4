"""What is sent to our own people: alerts, escalations, scorecards, digests. At most once, by e-mail and by chat."""
