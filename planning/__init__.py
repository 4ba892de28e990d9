"""Deciding what will exist, and why: pure functions from settings to a `Plan`.

Nothing here touches the network, the environment, the clock or Pulumi.
"""
