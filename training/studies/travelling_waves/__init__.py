"""A digit read row by row, by a travelling wave and by a recurrent cell."""
