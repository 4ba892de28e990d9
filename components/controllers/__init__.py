"""Controllers that others write and this program installs, where the settings say `install`."""
