"""One image from its address to its copy: download, check, bucket."""
