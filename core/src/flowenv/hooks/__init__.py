"""The hooks: their specs, finding and loading who implements them, and calling them."""
