"""Parameter studies: trainings over a grid, each in a process of its own, judged on images of their own."""
