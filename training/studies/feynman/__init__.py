"""Which physical laws does the posynomial regression find?"""
