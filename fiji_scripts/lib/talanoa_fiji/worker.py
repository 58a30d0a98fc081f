"""The Python side as a process beside ImageJ: started at the first request, kept warm, started anew after its end.

It has the same `apply` as the Function of a Python inside ImageJ's own process. Pixels, ROIs and tables go through shared
memory (`block`), everything else through Appose's channel.
"""
import os

import jarray
from java.io import File, IOException
from java.lang import Double, Number, RuntimeException, System, Throwable
from java.util import ArrayList, HashMap, List, Map
from java.util.concurrent import CountDownLatch, TimeUnit
from java.util.concurrent.locks import ReentrantLock
from java.util.function import Consumer, Function

from ij import IJ, Prefs

from talanoa_fiji import block, images, jars, place, threads

ATTACHED = (u"task", u"imp", u"rois", u"events", u"cancelled", u"finish", u"wanted", u"handle", u"preview")
IMAGES = (u"labels", u"image", u"uncertainty")  # of a reply; their pixels are in its block
TABLE = (u"headings", u"columns", u"rows", u"unit")  # of a reply: its table
LOOK = 50  # ms between two looks at a running job
PATIENCE = 800  # ms that a stopped job has to end; after that it ends by itself and nobody waits for it
PATIENCE_TRAINING = 60000  # ms that a training has for the end of its step: what it answers tells how to go on with it
STARTING = 120000  # ms for the first answer of a new process
AGAIN = u"Run the command again: a new one starts."


class Problem(RuntimeException):
    """What went wrong with the worker, in words for the user."""


class Worker(Function):
    """The Python side in a process of its own.

    note : dict
        What the installation noted, see `place.installation`: python, talanoa, jars.
    """

    def __init__(self, note):
        self.note, self.service, self.about = note, None, {}
        self.lock = ReentrantLock()

    def toString(self):
        return u"Talanoa (Python beside this process)"

    def apply(self, request):
        """Do a request and return its reply, both java.util.Map as for a Python inside this process; never raises."""
        try:
            return self._do(request)
        except Problem, problem:
            return _failed(problem.getMessage())
        except IOException, error:
            return _failed(error.getMessage())
        except (Exception, Throwable), error:
            return _failed(u"%s: %s" % (type(error).__name__, error))

    def state(self):
        """Return what the Doctor says of the worker, as a list of lines."""
        if self.service is None or not self.service.isAlive():
            return [u"Worker: not running (it starts with the next job), Python %s" % self.note["python"]]
        now = _plain(_outputs(self.service, u"hello()"))
        return [
            u"Worker: process %d, Talanoa %s, Python %s" % (now["pid"], now["talanoa"], now["python"]),
            u"Worker: up %.0f s, %d jobs done, running: %s, %.0f MB"
            % (now["seconds"], now["done"], u", ".join(now["running"]) or u"none", now["megabytes"]),
            u"Worker log: %s" % now["log"],
        ]

    def stop(self):
        """End the process."""
        if self.service is not None:
            self.service.close()

    def _do(self, request):
        """Send a request, wait for it, and unpack its reply."""
        for attempt in (1, 2):
            service = self._started()
            call = _Call(request)
            try:
                call.send(service)
                call.wait()
            finally:
                call.end()
            if call.launched or call.status() != u"CRASHED" or attempt == 2:
                break  # else: it had just shut down, being idle; a new one takes the request
        return call.reply(self)

    def _started(self):
        """Return the running process, started if need be."""
        self.lock.lock()
        try:
            if self.service is None or not self.service.isAlive():
                self.service = threads.aside(self._start, u"Talanoa: start of Python")
            return self.service
        finally:
            self.lock.unlock()

    def _start(self):
        """Start the process and check that it is the one that these scripts belong to."""
        self.note = place.installation() or self.note  # it may have been repaired since
        python = File(self.note["python"])
        if not python.isFile() or not python.canExecute():
            raise Problem(
                u"The Python that runs Talanoa was not found, or is no program: %s; expected it there. If it was moved or removed, install again "
                u"from the Python to use: talanoa install-fiji <folder of Fiji>" % python
            )
        IJ.showStatus(u"Talanoa: starting Python ...")
        service = _service(python)
        try:
            self.about = _plain(_outputs(service, u"hello()"))
        except Problem, problem:
            service.kill()
            raise Problem(_why_not(service, python, problem.getMessage()))
        expected = self.note.get("talanoa")
        if expected and self.about["talanoa"] != expected:
            service.close()
            raise Problem(
                u"Found Talanoa %s in %s; expected %s, which the scripts in this ImageJ belong to. Install them again: "
                u"talanoa install-fiji <folder of Fiji>" % (self.about["talanoa"], python, expected)
            )
        return service


class _Call(object):
    """One request on its way through the worker."""

    def __init__(self, request):
        self.request, self.events = request, request.get("events")
        self.cancelled, self.finish = request.get("cancelled"), request.get("finish")
        self.patience = PATIENCE_TRAINING if request.get("task") == u"train" else PATIENCE
        self.latch, self.launched, self.left = CountDownLatch(1), False, False
        self.block = self.task = self.service = None

    def send(self, service):
        """Copy what goes with the request into shared memory, and send it."""
        self.service = service
        self.name = block.new_name()
        self.task = service.task(u"answer(task, request)", HashMap({u"request": self._message()}))
        self.task.listen(_Listener(self))
        self.task.start()

    def wait(self):
        """Wait until the job ends; tell the worker when the user wants it to stop."""
        stopped, finished, dead = None, False, 0
        while not self.latch.await(LOOK, TimeUnit.MILLISECONDS):
            if stopped is None and self.cancelled is not None and self.cancelled.getAsBoolean():
                stopped = System.currentTimeMillis()
                self.task.cancel()
            if not finished and self.finish is not None and self.finish.getAsBoolean():
                finished = True
                self.service.task(u"finish(identity)", HashMap({u"identity": self.name})).start()
            if stopped is not None and System.currentTimeMillis() - stopped > self.patience:
                self.left = True
                threads.Work(self.drain, u"Talanoa: end of a stopped job").start()
                return
            dead = 0 if self.service.isAlive() else dead + 1
            if dead > 20:
                return

    def end(self):
        """Give back what was sent, unless the worker still reads it."""
        if self.block is not None and not self.left:
            self.block.close()
            self.block = None

    def drain(self):
        """Wait for the end of a job that nobody waits for, and clean up after it."""
        while not self.latch.await(1, TimeUnit.SECONDS) and self.service.isAlive():
            pass
        self.left = False
        self.end()
        self._forget()

    def status(self):
        """Return how the job ended: COMPLETE, FAILED or CRASHED."""
        found = self.task.status.name()
        return found if found in (u"COMPLETE", u"FAILED") else u"CRASHED"

    def reply(self, worker):
        """Return the reply as a java.util.Map."""
        if self.left:
            return _state(u"cancelled", u"Stopped on request; nothing was written.")
        if self.status() != u"COMPLETE":
            block.remove(self.name)
            return _failed(_crash(self.task, self.request.get("task"), worker.about))
        found = self.task.outputs.get(u"reply")
        try:
            return _unpack(found)
        finally:
            self._forget()

    def _forget(self):
        """Let the worker give its block back."""
        if self.service.isAlive():
            self.service.task(u"release(identity)", HashMap({u"identity": self.name})).start()

    def _message(self):
        """Return the request as plain values, and fill the block."""
        keys, imp, packed = HashMap(), self.request.get("imp"), self.request.get("rois")
        for key in self.request.keySet():
            if key not in ATTACHED:
                keys.put(key, self.request.get(key))
        message = HashMap({u"id": self.name, u"reply": self.name, u"task": self.request.get("task"), u"keys": keys})
        message.put(u"wanted", self.request.get("wanted") or ArrayList())
        for key in (u"handle", u"preview"):
            message.put(key, self.request.get(key))
        if imp is not None and images.is_closed(imp):  # while the job waited for its turn
            raise Problem(u"The image %s was closed; expected an open one. Open it again." % imp.getTitle())
        wanted = images.shapes(imp) if imp is not None else []
        if isinstance(packed, Map):
            texts = block.text_bytes(packed["names"])
            wanted.append((u"roi_bytes", u"uint8", (len(packed["bytes"]),)))
            wanted.append((u"roi_start", u"int32", (len(packed["start"]),)))
            wanted.append((u"roi_names", u"uint8", (len(texts),)))
        elif packed is not None:
            keys.put(u"rois", packed)  # a mode, or a file
        if not wanted:
            return message
        self.block = block.Block(wanted)
        if imp is not None:
            message.put(u"image", images.describe(imp))
            images.fill(imp, self.block)
        if isinstance(packed, Map):
            self.block.put(u"roi_bytes", packed["bytes"])
            self.block.put(u"roi_start", jarray.array(list(packed["start"]), "i"))
            self.block.put(u"roi_names", texts)
        message.put(u"block", self.block.layout())
        return message


class _Listener(Consumer):
    """Hears what a running job says."""

    def __init__(self, call):
        self.call = call

    def accept(self, event):
        kind = event.responseType.name()
        if kind == u"LAUNCH":
            self.call.launched = True
        elif kind == u"UPDATE":
            if self.call.events is not None and event.info is not None and not self.call.left:
                self.call.events.accept(_plain(event.info))
        else:
            self.call.latch.countDown()


def start(objects):
    """Return the worker of this ImageJ, or None where no Python was noted for it.

    objects : org.scijava.object.ObjectService
        Keeps the worker: a script engine of SciJava has modules of its own, the process is one for all.
    """
    note = place.installation()
    if note is None:
        return None
    worker = Worker(note)
    objects.addObject(worker)
    return worker


def _service(python):
    """Start the process."""
    minutes = unicode(Prefs.get(u"talanoa.idle.minutes", 30.0))
    with jars.inside():
        builder = jars.appose_class(u"Appose").custom().binPaths(python.getParent())
        for name, value in _environment(python).items():
            builder.env(name, value)
        service = builder.build().service([python.getName()], u"-m", u"talanoa.fiji.worker", u"--idle-minutes", minutes)
        return service.start()


def _environment(python):
    """Return variables for the process: on Windows, a conda environment needs its folders on the path."""
    if not IJ.isWindows():
        return {}
    home = python.getParentFile()
    folders = [home, File(home, u"Library/bin"), File(home, u"Scripts")]
    return {u"PATH": os.pathsep.join([f.getPath() for f in folders if f.isDirectory()] + [System.getenv("PATH") or u""])}


def _outputs(service, script):
    """Run a short script and return its outputs; a Problem when the process ends instead."""
    latch = CountDownLatch(1)
    task = service.task(script)
    task.listen(_Ended(latch))
    task.start()
    end = System.currentTimeMillis() + STARTING
    while not latch.await(LOOK, TimeUnit.MILLISECONDS):
        if not service.isAlive() or System.currentTimeMillis() > end:
            latch.await(1, TimeUnit.SECONDS)  # its last words
            break
    if task.status.name() != u"COMPLETE":
        raise Problem(task.error or u"it did not answer within %d s" % (STARTING // 1000))
    return task.outputs


class _Ended(Consumer):
    """Counts down a latch when a task ends."""

    def __init__(self, latch):
        self.latch = latch

    def accept(self, event):
        if event.responseType.isTerminal():
            self.latch.countDown()


def _why_not(service, python, error):
    """Return why the process did not start, in words for the user."""
    lines = [line for line in service.errorLines() if line.strip() and not line.startswith(u"[WARNING]")]
    last = lines[-1] if lines else error
    if u"No module named" in last:
        return (
            u"%s has no working Talanoa (%s); expected the package there. Install it (%s -m pip install talanoa), or choose another "
            u"Python: talanoa install-fiji <folder of Fiji>" % (python, last, python)
        )
    return u"The Python worker did not start (%s): %s. Check it by: talanoa doctor" % (python, last)


def _crash(task, name, about):
    """Return what to say when the process ended in the middle of a job."""
    error = task.error or u""
    if task.status.name() == u"FAILED":
        return u"The Python worker failed: %s" % error.strip().split(u"\n")[-1]
    code = u""
    for line in error.split(u"\n"):
        if u"exit code" in line:
            code = line.strip().rstrip(u".").split(u"exit code ")[-1]
    killed = u"killed by the system or by somebody; a full memory is the usual reason" if code in (u"137", u"9") else u"see the log"
    text = u"The Python worker ended in the middle of the job (exit code %s: %s). Nothing of yours was changed. " % (code or u"unknown", killed)
    if name == u"train":
        text += u"The training is kept up to its last complete epoch: choose it again with 'Go on with an interrupted training'. "
    log = about.get("log")
    return text + AGAIN + (u" Log: %s" % log if log else u"")


def _unpack(found):
    """Return the reply map of a reply that came through the channel and its block."""
    reply, layout = HashMap(), found.get("block")
    for key in found.keySet():
        if key not in IMAGES + TABLE + (u"traced", u"block"):
            reply.put(key, _plain(found.get(key)))
    if layout is None:
        return reply
    data = block.Reply(layout)
    try:
        for key in IMAGES:
            if found.get(key) is not None:
                reply.put(key, images.build(_plain(found.get(key)), data, key))
        if found.get("traced") is not None:
            reply.put(u"rois", _unpack_rois(data, found.get("traced")))
        if found.get("headings") is not None:
            reply.put(u"table", _unpack_table(data, *[found.get(key) for key in TABLE]))
    finally:
        data.close()
    return reply


def _unpack_rois(data, traced):
    """Return ROIs as `rois.unpack` takes them."""
    packed = HashMap()
    for key in (u"x", u"y", u"path_start", u"roi_start", u"position"):
        packed.put(key, data.get(key))
    if u"group" in data.arrays:
        packed.put(u"group", data.get(u"group"))
    packed.put(u"names", data.texts(u"names", data.shape(u"roi_start")[0] - 1))
    packed.put(u"traced", traced)
    return packed


def _unpack_table(data, headings, kinds, rows, unit):
    """Return a table as `result_tables.put` takes it."""
    columns = ArrayList()
    for k, kind in enumerate(kinds):
        columns.add(data.get(u"column%d" % k) if kind == u"numbers" else data.texts(u"column%d" % k, rows))
    return HashMap({u"headings": headings, u"columns": columns, u"unit": unit})


def _plain(value):
    """Return values of the channel as Java has them: BigDecimal becomes Double, through maps and lists."""
    if isinstance(value, Map):
        found = HashMap()
        for key in value.keySet():
            found.put(key, _plain(value.get(key)))
        return found
    if isinstance(value, List):
        return ArrayList([_plain(one) for one in value])
    if isinstance(value, Number) and type(value).__name__.endswith("BigDecimal"):
        return Double(value.doubleValue())
    return value


def _failed(message):
    """Return the reply of a request that went wrong."""
    return _state(u"error", message)


def _state(status, message):
    """Return a reply without results."""
    return HashMap({u"status": status, u"message": message})
