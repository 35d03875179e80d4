"""Scores that speak for all who could have been asked, not for those alone who answered. On arrays of counts, never on persons.

`weighting.weigh` makes the weights of one weighting wave, `replicates.estimate` the weighted scores of any cells with their
intervals, `sensitivity.band` says what no weight can repair, `two_phase.follow_up` estimates from a phone call to the silent.
`strata`, `raking`, `trimming` and `crossings` are the parts that `weigh` is made of.
"""
