"""An EKS cluster, one file a subject. Nothing here decides: `planning/clusters/eks.py` does."""
