"""What came of an initiative: units where it was done against units where it was not, before and after."""
