"""Pictures that pages of several rooms share."""
