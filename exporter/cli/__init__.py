"""The two commands. Click only: what a command does lies in the other packages."""
