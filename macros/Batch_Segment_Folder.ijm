// Segments every image of a folder. For each image a result folder of its name appears in the output folder (label image,
// ROI zip, table, picture with outlines, record), and summary.csv gets a line with the number of objects.
// An image whose result folder exists already is left out, so an interrupted run can be started again.
//
// Run it: it asks for the folders and the model. Or call it from a macro or the command line of ImageJ with an argument of
// up to four lines: input folder, output folder, model, further keys of Segment Objects, for example
//   runMacro("Batch_Segment_Folder.ijm", "/data/images\n/data/results\nnuclei\nmin_size=30 exclude_border=true");

argument = getArgument();
model = "nuclei";
keys = "";
if (argument == "") {
	input = getDirectory("Folder of images");
	output = getDirectory("Folder for the results");
	model = getString("Model", model);
} else {
	lines = split(argument, "\n");
	input = lines[0];
	output = lines[1];
	if (lines.length > 2) model = lines[2];
	if (lines.length > 3) keys = lines[3];
}
input = asFolder(input);
output = asFolder(output);
if (!File.isDirectory(input)) exit("The folder of images " + input + " does not exist.");
if (!File.isDirectory(output)) File.makeDirectory(output);

setBatchMode(true);
summary = output + "summary.csv";
if (!File.exists(summary)) File.append("Image,Objects", summary);
files = imagesIn(input);
done = 0;
for (i = 0; i < files.length; i++) {
	showProgress(i, files.length);
	result = output + File.getNameWithoutExtension(files[i]);
	if (File.exists(result)) {
		print(files[i] + ": has results already, left out");
	} else {
		open(input + files[i]);
		before = getImageID();
		run("Segment Objects", "model=" + inBrackets(model) + " rois=none out=" + inBrackets(result) + " " + keys);
		objects = countObjects(files[i], before, result);
		print(files[i] + ": " + objects + " objects");
		File.append(asCell(files[i]) + "," + objects, summary);
		if (isOpen("Results")) run("Clear Results");
		close("*");
		done++;
	}
}
print(done + " images segmented; results in " + output);

// The highest label of any frame, which is the number of objects of one image. Ends the macro unless the active image is the
// label image of the image that was open before, with the objects of the table in the result folder.
function countObjects(file, before, result) {
	if (getImageID() == before || indexOf(getTitle(), "labels") < 0)
		exit(file + ": the active image is " + getTitle() + "; expected its label image. Nothing more is segmented.");
	if (!File.exists(result + "/measurements.csv")) exit(file + ": " + result + "/measurements.csv was not written. Nothing more is segmented.");
	highest = 0;
	for (slice = 1; slice <= nSlices; slice++) {
		setSlice(slice);
		getStatistics(area, mean, min, max);
		if (max > highest) highest = max;
	}
	table = split(File.openAsString(result + "/measurements.csv"), "\n");
	rows = table.length - 1;
	if ((rows > 0) != (highest > 0) || rows < highest)
		exit(file + ": the label image has " + highest + " objects, the table " + rows + " rows. Nothing more is segmented.");
	return highest;
}

// Text of a CSV file in quotes; a spreadsheet must not take it for a formula.
function asCell(text) {
	if (matches(text, "'*[=+\\-@].*")) text = "'" + text;
	return "\"" + replace(text, "\"", "\"\"") + "\"";
}

// The images of a folder. Two that would be written under one name, and names that a macro cannot pass on, end the macro.
function imagesIn(folder) {
	files = getFileList(folder);
	images = newArray(0);
	for (i = 0; i < files.length; i++)
		if (isImage(files[i])) images = Array.concat(images, files[i]);
	for (i = 0; i < images.length; i++) {
		done = inBrackets(images[i]);
		for (k = 0; k < i; k++)
			if (toLowerCase(File.getNameWithoutExtension(images[k])) == toLowerCase(File.getNameWithoutExtension(images[i])))
				exit(images[k] + " and " + images[i] + " in " + folder + " would be written under one name. Rename one of them.");
	}
	return images;
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

function isImage(name) {
	endings = newArray(".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif");
	for (k = 0; k < endings.length; k++)
		if (endsWith(toLowerCase(name), endings[k])) return true;
	return false;
}

function asFolder(path) {
	path = replace(path, "\\", "/");
	if (!endsWith(path, "/")) path = path + "/";
	return path;
}
