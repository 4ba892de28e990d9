"""The clusters that this program makes, one file a kind; each ends in `ClusterFacts`."""
