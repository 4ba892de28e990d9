"""A real Kubernetes on this Linux machine: its parts from source, its nodes in namespaces of their own."""
