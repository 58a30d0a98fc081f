"""The images of a labelling: plates, fields, modalities, targets."""
