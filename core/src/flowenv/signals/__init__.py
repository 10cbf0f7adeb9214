"""What a signal does to a process in which a flow runs, or which waits for one."""
