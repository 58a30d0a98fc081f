"""In silico labelling: plates of transmitted light and stains, and what is made of them."""
