"""How many terms of a law does the posynomial regression find?"""
