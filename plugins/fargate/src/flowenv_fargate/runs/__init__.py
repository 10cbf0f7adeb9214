"""A run on ECS: submitted, followed, diagnosed, its log read, ended, found and swept."""
