"""The program that takes the start-up taint off a GPU node when the node has the GPUs that its pool's plan says.

It runs in the cluster, alone or beside others of itself, as nobody in particular: it may see nodes and patch them. It
keeps nothing: whatever it must know is in the nodes. The standard library is all that it needs.
"""
