"""Gates, sites, reliability, the metric-quality report."""
