"""The command playground: a page on which digits are drawn, sliders moved, laws found."""
