"""What the commands do: the one place where engine, renderers and connectors are wired together."""
