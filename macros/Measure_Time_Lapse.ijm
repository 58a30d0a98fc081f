// Segments the active time-lapse and counts and measures its objects in each frame: number of objects, mean area, mean
// intensity. The ROIs go to the ROI Manager, bound to their frames; every object has its row in Results;
// a table that is open there before is kept under another name.
//
// Run it on an open time-lapse (frames as t; Image > Properties turns slices into frames). Or call it with an argument of up
// to three lines: a new CSV file for the frames (empty: none), model, further keys of Segment Objects, for example
//   runMacro("Measure_Time_Lapse.ijm", "/data/frames.csv\nnuclei\nchannel=1");

argument = getArgument();
csv = "";
model = "nuclei";
keys = "";
if (argument == "") {
	model = getString("Model", model);
} else {
	lines = split(argument, "\n");
	csv = lines[0];
	if (lines.length > 1) model = lines[1];
	if (lines.length > 2) keys = lines[2];
}
if (csv != "" && File.exists(csv)) exit(csv + " exists already; choose a new name.");
getDimensions(width, height, channels, slices, frames);

if (nResults > 0) {
	if (isOpen("Results")) Table.rename("Results", "Results before " + getTitle());
	else Table.deleteRows(0, nResults - 1, "Results"); // without a window
}
original = getTitle();
before = getImageID();
run("Segment Objects", "model=" + inBrackets(model) + " " + keys);
if (getImageID() == before || indexOf(getTitle(), "labels") < 0)
	exit("The active image is " + getTitle() + "; expected the label image of " + original + ".");

objects = newArray(frames);
area = newArray(frames);
intensity = newArray(frames);
measured = "Mean";
if (channels > 1 && indexOf(keys, "channel=") < 0) measured = "Mean_C1";
for (row = 0; row < nResults; row++) {
	frame = getResult("Frame", row) - 1;
	objects[frame]++;
	area[frame] += getResult("Area", row);
	intensity[frame] += getResult(measured, row);
}
heading = "Frame,Objects,Mean area,Mean intensity";
print(heading);
if (csv != "") File.append(heading, csv);
for (frame = 0; frame < frames; frame++) {
	line = "" + (frame + 1) + "," + objects[frame] + ",";
	if (objects[frame] > 0)
		line = line + area[frame] / objects[frame] + "," + intensity[frame] / objects[frame];
	else
		line = line + ",";
	print(line);
	if (csv != "") File.append(line, csv);
}

// The value of a key as text in brackets. Brackets inside it must pair, or the rest of it would be read as further keys.
function inBrackets(value) {
	depth = 0;
	paired = true;
	for (k = 0; k < lengthOf(value); k++) {
		letter = substring(value, k, k + 1);
		if (letter == "[") depth++;
		if (letter == "]") depth--;
		if (depth < 0) paired = false;
	}
	if (!paired || depth != 0) exit("The name " + value + " has single brackets, which a macro cannot pass on. Rename it.");
	return "[" + value + "]";
}
