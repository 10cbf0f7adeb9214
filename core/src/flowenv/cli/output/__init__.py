"""What is printed: lines, JSON and tables on runs, and the stream that they go to."""
