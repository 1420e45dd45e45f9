"""Training: the epoch loop, its objectives, its optimiser and its schedules."""
