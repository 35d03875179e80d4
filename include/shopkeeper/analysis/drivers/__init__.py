"""What goes with a score: which circumstances of an answer make promoters and detractors more or less frequent, all else being equal.

`levels` makes drivers out of columns, `design` a model's columns out of drivers, `ordinal` fits it, `importance` says how much each
driver explains, `curve` where waiting starts to hurt. `publication` does it for every programme. Association, not proof of a cause.
"""
