"""From solutions of problems to a verifier for the model that wrote them."""
