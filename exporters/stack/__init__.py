"""`pomona up` and `pomona simulate`: the engines and the simulated fleet."""
