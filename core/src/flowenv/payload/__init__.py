"""What travels with a run to where its flow is called: the payload, and flowenv itself."""
