"""Where on a canvas of digits is the copy of a cue, and what finds it with few weights and data?"""
