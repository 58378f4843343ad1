"""Problems with known answers, and what a way of spending comes to on them."""
