"""One layer in place of several while a cine plays."""
