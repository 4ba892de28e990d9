"""What makes GPUs usable on their nodes."""
