"""Does gplearn's genetic programming find the laws that the posynomial regression finds?"""
