"""What runs in pods beside Triton: our own small programs, all in one image (`tritonup images build`).

Each is a module with `main(arguments) -> exit status`, and imports no more than it needs: a pod's start waits for it.
"""
