"""The side of Talanoa that lives inside ImageJ: Jython 2.7, the same in every runtime.

client     asks the Python side and hands back its reply
show       puts a reply on the screen: label image, ROIs, table, messages
rois       packed arrays to ImageJ ROIs, and ImageJ ROIs to packed bytes
options    macro options and the Recorder
dialog     a dialog from the inputs of a script, where SciJava has none to offer
commands   makes the menu scripts real ImageJ commands, where SciJava does not
bootstrap  the menu Plugins > Talanoa, where SciJava does not build it
turns      long jobs wait for each other
ui         what every window needs: the event dispatch thread, messages
groups     colours of ROI groups, which are classes
ui_*       the windows: progress with Cancel, a training (and its curve), the annotation, the Doctor
"""
