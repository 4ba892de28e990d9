"""The clusters that this program makes, decided: one file a subject, and `made` for whichever it is."""
