"""How models reach a server."""
