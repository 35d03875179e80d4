"""Published counts. Montgomery, Introduction to Statistical Quality Control: cans of orange juice that leak, in samples of 50."""

CANS = (12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6)
OUTSIDE = {15, 23}  # of the limits that all samples give, counted from 1
