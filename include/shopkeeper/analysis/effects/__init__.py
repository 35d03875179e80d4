"""What an event does to an outcome, from records of what happened: adjusted comparisons that refuse when they cannot know.

`models` fits chances and means, `comparison` compares arms, `publication` judges whether the result may be published.
`band_conversions` and `offers` ask the two questions of a build.
"""
