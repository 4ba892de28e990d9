"""A GKE cluster, one file a subject: network, keys, identities, the cluster, its node pools, who reads the models.

`pulumi_gcp` takes seconds to import, so that nothing outside of this folder does, and this folder is imported only
where a GKE cluster is made: all but `compute_class.py`, which is of the cluster's own API.
"""
