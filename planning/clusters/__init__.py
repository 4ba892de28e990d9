"""The clusters that this program makes, as planned: pure, one file a kind and its parts beside it."""
