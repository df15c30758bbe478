"""How accurate networks of light are with the phase errors of a device."""
