"""Long jobs of one ImageJ: one after the other, in the order in which they came."""
from java.lang import Object, Thread
from java.util.concurrent import ConcurrentLinkedQueue

NAME = u"Talanoa jobs"
LOOK = 100  # ms between two looks at the line


def line(objects):
    """Return the waiting line of this ImageJ, the running job first.

    objects : org.scijava.object.ObjectService
        Keeps the line: a script engine of SciJava has modules of its own, the line is one for all.

    NB: a java.util.List would be lost there: its hash code changes with what is in it.
    """
    for candidate in objects.getObjects(ConcurrentLinkedQueue):
        if objects.getName(candidate) == NAME:
            return candidate
    made = ConcurrentLinkedQueue()
    objects.addObject(made, NAME)
    return made


def join(jobs):
    """Take a place at the end of a line and return it."""
    place = Object()
    jobs.add(place)
    return place


def wait(jobs, place, watch):
    """Wait until a place is the first one; return False when the user gives up waiting.

    watch : ui_progress.Watch
        Shows how many jobs come before, and knows whether the user wants to stop.
    """
    while jobs.peek() is not place:
        if watch.getAsBoolean():
            return False
        watch.waiting(max(1, list(jobs).index(place)))
        Thread.sleep(LOOK)
    return True
