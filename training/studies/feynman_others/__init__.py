"""Do other methods find the laws that the posynomial regression finds, in the same seconds?"""
