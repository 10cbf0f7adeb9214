"""What was typed: options, and from them a flow, its environment and its parameters."""
