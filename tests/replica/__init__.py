"""The sample site with faults, and a server that speaks broken HTTP."""
