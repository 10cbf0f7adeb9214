"""What happens to the pods and Jobs of a namespace, told to all who follow a run there."""
