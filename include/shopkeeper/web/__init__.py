"""The web app: the survey page that customers answer on, and the webhooks of providers."""
