"""Work on other threads, none of which keeps Java alive."""
from java.lang import Runnable, Thread, Throwable


class Work(Runnable):
    """A function on a thread of its own; keeps its value or its error."""

    def __init__(self, work, name):
        self.work, self.value, self.error = work, None, None
        self.thread = Thread(self, name)
        self.thread.setDaemon(True)  # and so are the threads that it starts

    def run(self):
        try:
            self.value = self.work()
        except (Exception, Throwable), error:
            self.error = error

    def start(self):
        """Begin, and return at once."""
        self.thread.start()
        return self

    def result(self):
        """Return the value of work that has ended, or raise its error."""
        if self.error is not None:
            raise self.error
        return self.value


def aside(work, name):
    """Do work on a daemon thread, wait for its end, and return its value.

    NB: Java ends when only daemons are left; a thread begins as what the one that starts it is. Threads of a library that
    are to be daemons are therefore started from here.
    """
    done = Work(work, name).start()
    done.thread.join()
    return done.result()
