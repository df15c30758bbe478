"""Tables, figures and statistics: what results are told with."""
