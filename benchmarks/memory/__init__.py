"""What planning says that a server needs in memory, beside what the real Triton of this machine takes."""
