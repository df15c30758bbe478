"""What does the form of attention do for rows of digits?"""
