"""`make bench`: what a scrape, a minute and a start cost, beside node_exporter in the same run."""
