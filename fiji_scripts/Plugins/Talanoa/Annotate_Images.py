#@ ObjectService objects
from talanoa_fiji import ui_annotate

ui_annotate.run(objects)
