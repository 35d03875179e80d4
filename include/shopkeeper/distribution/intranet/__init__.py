"""The intranet: a site of static pages for each role, which works from a file share without server and network."""
