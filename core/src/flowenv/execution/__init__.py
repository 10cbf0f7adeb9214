"""A flow called where it is, in this process: its executor opened, its callbacks around it."""
