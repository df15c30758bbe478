"""How well small networks learn, by how they are trained."""
