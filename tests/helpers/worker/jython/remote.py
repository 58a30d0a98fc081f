"""The main program of the ImageJ under test: opens ImageJ, and does what lines on stdin ask for (Jython 2.7).

A line is a JSON object: "id" and one of "code" (statements), "value" (an expression), "call" with "args" (a function of
`hand`). Each is done on a thread of its own, and answered on stdout by a line with "id" and "value" or "error".
Everything else that is printed here goes to stderr.
"""
import json
import os
import sys
import traceback

from java.io import BufferedReader, InputStreamReader, PrintStream, FileOutputStream, FileDescriptor
from java.lang import Class, ClassNotFoundException, Runnable, System, Thread, Throwable

ANSWERS = PrintStream(FileOutputStream(FileDescriptor.out), True)
System.setOut(System.err)
sys.stdout = sys.stderr
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))


class Job(Runnable):
    """One line of stdin."""

    def __init__(self, room, asked):
        self.room, self.asked = room, asked

    def run(self):
        answer = {"id": self.asked["id"]}
        try:
            answer["value"] = self._do()
        except (Exception, Throwable):
            answer["error"] = traceback.format_exc()
        tell(answer)

    def _do(self):
        if "call" in self.asked:
            return self.room[self.asked["call"]](*self.asked["args"])
        if "value" in self.asked:
            return eval(self.asked["value"], self.room)
        exec(self.asked["code"], self.room)
        return None


def tell(answer):
    """Write an answer as one line."""
    text = json.dumps(answer, default=unicode)
    # NB: Jython compiles a class of its own for each such block; the lines of two threads may not mix.
    ANSWERS.println(text)


def start(folder):
    """Open ImageJ with the Talanoa menu and return its SciJava context.

    folder : unicode
        The folder fiji_scripts; None where the ImageJ folder has the menu installed.
    """
    try:
        Class.forName(u"net.imagej.ImageJ")
    except ClassNotFoundException:
        return plain(folder)
    return full()


def full():
    """Start ImageJ2, as Fiji does; it finds the installed scripts by itself."""
    from java.awt import GraphicsEnvironment
    from net.imagej import ImageJ

    gateway = ImageJ()
    if not GraphicsEnvironment.isHeadless():
        gateway.ui().showUI()
    return gateway.context()


def plain(folder):
    """Start ImageJ 1. Its folder may have the menu installed; else the bootstrap is called here."""
    from java.awt import GraphicsEnvironment

    from ij import ImageJ

    if not GraphicsEnvironment.isHeadless():
        ImageJ().exitWhenQuitting(True)
    if folder is None:
        return None
    from org.scijava import Context

    context = Context(False)
    sys.path.insert(0, folder + u"/lib")
    from talanoa_fiji import bootstrap

    bootstrap.install(context, folder)
    return context


def serve(room):
    """Do what the lines of stdin ask for, until it is closed."""
    lines = BufferedReader(InputStreamReader(System.in, "UTF-8"))
    while True:
        line = lines.readLine()
        if line is None:
            return
        asked = json.loads(line)
        Thread(Job(room, asked), "remote %s" % asked["id"]).start()


def main(folder=None):
    try:
        context = start(folder)
        import hand  # not before: it loads classes of ImageJ, which an ImageJ2 patches when it starts

        room = dict(vars(hand), context=context)
    except (Exception, Throwable):
        tell({"id": 0, "error": traceback.format_exc()})
        System.exit(1)
    tell({"id": 0, "value": "ready"})
    serve(room)
    System.exit(0)


if __name__ == "__main__":
    main(*[argument.decode("utf-8") if isinstance(argument, bytes) else argument for argument in sys.argv[1:]])
