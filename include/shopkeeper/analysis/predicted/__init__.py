"""What those who were asked and did not answer would probably have said: modelled, judged on answers that the model has not seen, and
never put together with what was measured.

`reading` brings invitations with what was known when they were sent, `models` are fitted on those that were answered, `scoring` says
how good they are, `study` decides whether anything may be published, `groups` adds customers up. `publication` does it for every programme.
"""
