"""Networks of attention that are drawn anew from covariances of their heads."""
