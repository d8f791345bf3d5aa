"""Ports to the systems around us: files, the workspace, the example."""
