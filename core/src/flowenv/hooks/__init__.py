"""The hooks: what they are, who implements them well, and calling them."""
