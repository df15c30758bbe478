"""How few hidden units of a trained network its readout needs."""
