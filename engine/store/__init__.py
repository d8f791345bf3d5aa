"""What is kept: the archive of documents and runs."""
