"""What acme adds to every flowenv backend."""
