"""Does y = phi(W) x learn linear regression faster than y = W x; when, and why?"""
