"""When does a schedule of phases find a law that a single optimizer does not?"""
