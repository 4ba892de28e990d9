"""TensorRT engines: what names one, which exist, which a server needs on its pools, and how those are built.

An engine runs on the GPU and the TensorRT version that it was built with, so it is no part of a model repository that
several stacks read: it is built once for each key, published under it, and noted in the repository's lock.
"""
