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
files = getFileList(input);
done = 0;
for (i = 0; i < files.length; i++) {
	showProgress(i, files.length);
	if (isImage(files[i])) {
		result = output + File.getNameWithoutExtension(files[i]);
		if (File.exists(result)) {
			print(files[i] + ": has results already, left out");
		} else {
			open(input + files[i]);
			run("Segment Objects", "model=[" + model + "] rois=none out=[" + result + "] " + keys);
			print(files[i] + ": " + countObjects() + " objects");
			File.append("\"" + files[i] + "\"," + countObjects(), summary);
			run("Clear Results");
			close("*");
			done++;
		}
	}
}
print(done + " images segmented; results in " + output);

// The highest label of any frame, which is the number of objects of one image.
function countObjects() {
	highest = 0;
	for (slice = 1; slice <= nSlices; slice++) {
		setSlice(slice);
		getStatistics(area, mean, min, max);
		if (max > highest) highest = max;
	}
	return highest;
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
