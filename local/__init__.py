"""Running the rendered Deployment of a server as a Triton process on this machine, without a cluster."""
