"""Do networks of y = phi(W) x learn digits sooner than those of y = W x?"""
