"""What a task as ECS describes it says of its run: its status, events and times; pure."""
