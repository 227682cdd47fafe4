"""What the stores say, read anew at each scrape."""
