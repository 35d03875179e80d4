"""Information distribution: scorecards, huddle packs and the intranet, made from published marts."""
