"""Parameter studies: trainings over a grid or a search, each in a process of its own, judged on images of their own."""
