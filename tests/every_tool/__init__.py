"""What it takes to have agents call each of their tools once: a model that does, and services for all of them."""
