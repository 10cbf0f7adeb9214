"""What runs in the flow's container, from the first line on."""
