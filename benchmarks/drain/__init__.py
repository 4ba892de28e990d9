"""Requests lost per disruption: our pods beside pods with the settings that peers ship, on the cluster in a box."""
