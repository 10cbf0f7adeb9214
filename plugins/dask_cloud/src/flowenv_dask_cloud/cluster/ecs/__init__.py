"""What of a cluster is on ECS: its tasks, what ECS says of them, and what they leave."""
