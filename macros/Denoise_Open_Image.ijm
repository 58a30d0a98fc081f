// Trains Noise2Void on the active image (plane, stack or movie; only inside the selection, if there is one) and restores the image
// with the new model. The restored image is then the active one; the model stays under its name, for Restore Image.
//
// Run it on an open image. Or call it with an argument of up to three lines: name of the new model, length of the training (quick,
// standard, long), further keys of Train Model, for example
//   runMacro("Denoise_Open_Image.ijm", "movie of Monday\nquick\nn2v2=true channel=1");

argument = getArgument();
length_of_training = "quick";
keys = "";
if (argument == "") {
	name = getString("Name of the new model", "noise of " + File.getNameWithoutExtension(getTitle()));
	length_of_training = getString("Length of the training (quick, standard, long)", length_of_training);
} else {
	lines = split(argument, "\n");
	name = lines[0];
	if (lines.length > 1) length_of_training = lines[1];
	if (lines.length > 2) keys = lines[2];
}
original = getTitle();
before = getImageID();
run("Train Model", "method=n2v apply name=" + inBrackets(name) + " preset=" + length_of_training + " " + keys);
if (getImageID() == before || indexOf(getTitle(), "-restored") < 0)
	exit("The active image is " + getTitle() + "; expected the restored image of " + original + ".");
print(original + " was restored as " + getTitle() + " with the model " + name);

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
