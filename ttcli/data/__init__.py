"""Problems and given solutions, in the forms in which people have them."""
