"""Java arrays in one block of shared memory, as `talanoa.fiji.bridge.shared_block` of the Python package reads and writes them."""
import jarray
from java.io import File, IOException
from java.lang import Integer, Long, String, System
from java.lang.management import ManagementFactory
from java.nio import ByteOrder
from java.util import ArrayList, HashMap

from talanoa_fiji import jars

ALIGNMENT = 64
SEPARATOR = u"\x1f"  # between texts of a list
FOLDER = File(u"/dev/shm")  # where Linux shows shared memory
SPARE = 16 << 20
CODES = {u"uint8": "b", u"uint16": "h", u"int32": "i", u"float32": "f", u"float64": "d"}
BYTES = {u"uint8": 1, u"uint16": 2, u"int32": 4, u"float32": 4, u"float64": 8}
VIEWS = {u"uint16": "asShortBuffer", u"int32": "asIntBuffer", u"float32": "asFloatBuffer", u"float64": "asDoubleBuffer"}


def process_id():
    """Return the number of this Java process."""
    return int(ManagementFactory.getRuntimeMXBean().getName().split("@")[0])


def new_name():
    """Return a name for a block: it tells whose it is, so that it can be removed when that process is gone."""
    return u"talanoa-%d-%s" % (process_id(), Long.toString(System.nanoTime() & 0xFFFFFFFFFF, 36))


class Block(object):
    """A block that this side makes: add arrays, fill them, send the layout.

    shapes : list of (key, dtype, shape)
    """

    def __init__(self, shapes):
        self.places, offset = {}, 0
        for key, dtype, shape in shapes:
            size = BYTES[dtype]
            for n in shape:
                size *= n
            self.places[key] = (dtype, shape, offset, size)
            offset += -(-size // ALIGNMENT) * ALIGNMENT
        self.size = max(offset, ALIGNMENT)
        check_room(self.size)
        with jars.inside():
            self.memory = jars.appose_class(u"SharedMemory").create(new_name(), self.size)

    def layout(self):
        """Return where everything is, as a java.util.Map."""
        arrays = HashMap()
        for key, (dtype, shape, offset, _) in self.places.items():
            arrays.put(key, HashMap({u"dtype": dtype, u"shape": ArrayList([Integer(n) for n in shape]), u"offset": Long(offset)}))
        return HashMap({u"name": self.memory.name(), u"size": Long(self.size), u"arrays": arrays})

    def put(self, key, array, first=0):
        """Copy a Java array into an array of the block, from its element `first` on."""
        dtype, _, offset, _ = self.places[key]
        if len(array):
            _buffer(self.memory, dtype, offset + first * BYTES[dtype], len(array) * BYTES[dtype]).put(array)

    def close(self):
        """Give the memory back."""
        self.memory.close()


class Reply(object):
    """A block that the Python side has made.

    layout : java.util.Map
    """

    def __init__(self, layout):
        self.arrays = layout["arrays"]
        with jars.inside():
            self.memory = jars.appose_class(u"SharedMemory").attach(layout["name"], int(layout["size"]))
        self.memory.unlinkOnClose(True)

    def shape(self, key):
        """Return the shape of an array."""
        return [int(n) for n in self.arrays[key]["shape"]]

    def get(self, key, first=0, count=None):
        """Return `count` elements (default: all) from `first` on as a new Java array."""
        place = self.arrays[key]
        dtype = place["dtype"]
        if count is None:
            count = 1
            for n in self.shape(key):
                count *= n
        array = jarray.zeros(count, CODES[dtype])
        if count:
            offset = int(place["offset"]) + first * BYTES[dtype]
            _buffer(self.memory, dtype, offset, count * BYTES[dtype]).get(array)
        return array

    def texts(self, key, count):
        """Return `count` texts as String[]."""
        if not count:
            return jarray.array([], String)
        return String(self.get(key), "UTF-8").split(SEPARATOR, -1)

    def close(self):
        """Give the memory back."""
        self.memory.close()


def text_bytes(texts):
    """Return texts as the bytes of one."""
    return String(SEPARATOR.join(texts)).getBytes("UTF-8")


def remove(name):
    """Remove a block that a process which was killed may have left, where the system shows it."""
    File(FOLDER, name).delete()


def check_room(size):
    """Raise java.io.IOException when a block does not fit: writing beyond a full memory would end this Java."""
    free = FOLDER.getUsableSpace() if FOLDER.isDirectory() else None
    if free is not None and size + SPARE > free:
        raise IOException(
            u"%.0f MB of shared memory were needed and %.0f MB are free in %s; expected it to fit. Close images or other "
            u"programs, or take a part of the image. In a container, raise --shm-size." % (size / 1048576.0, free / 1048576.0, FOLDER)
        )


def _buffer(memory, dtype, offset, size):
    """Return a java.nio buffer over a part of a block."""
    data = memory.buf(offset, size).order(ByteOrder.nativeOrder())
    return getattr(data, VIEWS[dtype])() if dtype in VIEWS else data
