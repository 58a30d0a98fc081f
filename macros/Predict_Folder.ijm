// Predicts the fluorescence of every image of a folder (a plate's folder of transmitted light) and saves composites: under the same
// name, as TIFF, in the output folder, one channel for each stain, in colours, with calibration. Several models, separated by ";",
// give one composite. An image that is there already is left out, so an interrupted run can be started again. Originals are never changed.
//
// Run it: it asks for the folders and the model. Or call it from a macro or the command line of ImageJ with an argument of
// up to four lines: input folder, output folder, model, further keys of Predict Fluorescence, for example
//   runMacro("Predict_Folder.ijm", "/data/plate1/phase\n/data/plate1/predicted\nnuclei; er\nkeep_input dtype=uint16");

argument = getArgument();
keys = "";
if (argument == "") {
	input = getDirectory("Folder of images in transmitted light");
	output = getDirectory("Folder for the composites");
	model = getString("Model (several separated by ;)", "");
} else {
	lines = split(argument, "\n");
	if (lines.length < 3) exit("Found " + lines.length + " lines; expected input folder, output folder and model.");
	input = lines[0];
	output = lines[1];
	model = lines[2];
	if (lines.length > 3) keys = lines[3];
}
input = asFolder(input);
output = asFolder(output);
if (!File.isDirectory(input)) exit("The folder of images " + input + " does not exist.");
if (output == input) exit("Both folders are " + input + "; expected two, because originals are never replaced.");
if (!File.isDirectory(output)) File.makeDirectory(output);

setBatchMode(true);
files = imagesIn(input);
done = 0;
for (i = 0; i < files.length; i++) {
	showProgress(i, files.length);
	result = output + File.getNameWithoutExtension(files[i]) + ".tif";
	if (File.exists(result)) {
		print(files[i] + ": is there already, left out");
	} else {
		open(input + files[i]);
		before = getImageID();
		run("Predict Fluorescence", "model=" + inBrackets(model) + " " + keys);
		if (getImageID() == before || indexOf(getTitle(), "-predicted") < 0)
			exit(files[i] + ": the active image is " + getTitle() + "; expected its predicted stains. Nothing is saved.");
		saveAs("tiff", result);
		close("*");
		done++;
	}
}
print(done + " images predicted; composites in " + output);

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
