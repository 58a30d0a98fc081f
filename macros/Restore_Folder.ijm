// Restores every image of a folder with a model for restoration (CARE, Noise2Void, Noise2Noise). The restored image appears under
// the same name, as TIFF, in the output folder: 32 bit, with calibration, on the scale of the original.
// An image that is there already is left out, so an interrupted run can be started again. Originals are never changed.
//
// Run it: it asks for the folders and the model. Or call it from a macro or the command line of ImageJ with an argument of
// up to four lines: input folder, output folder, model, further keys of Restore Image, for example
//   runMacro("Restore_Folder.ijm", "/data/images\n/data/restored\nmy model\ndtype=uint16 tta");

argument = getArgument();
keys = "";
if (argument == "") {
	input = getDirectory("Folder of images");
	output = getDirectory("Folder for the restored images");
	model = getString("Model", "");
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
files = getFileList(input);
done = 0;
for (i = 0; i < files.length; i++) {
	showProgress(i, files.length);
	if (isImage(files[i])) {
		result = output + File.getNameWithoutExtension(files[i]) + ".tif";
		if (File.exists(result)) {
			print(files[i] + ": is there already, left out");
		} else {
			open(input + files[i]);
			run("Restore Image", "model=[" + model + "] " + keys);
			saveAs("tiff", result);
			close("*");
			done++;
		}
	}
}
print(done + " images restored; results in " + output);

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
