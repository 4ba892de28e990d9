"""Nodes whose GPU has failed: found, kept free of new pods, and emptied within the disruption budgets.

Two programs that know nothing of each other. The agent reads the kernel's log on each GPU node and says in a condition
of the node whether its GPUs are healthy; it runs where the cloud has nothing that does. The drainer, one for the
cluster, looks at such conditions, whoever writes them, taints the nodes and evicts their pods; it has no access to any
node. Replacing the node is left to the autoscaler, which finds it empty, or to the cloud's repair.

The standard library is all that they need.
"""
