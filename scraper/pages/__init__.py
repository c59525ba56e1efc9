"""What a page, a listing and a dealer are: values, errors, protocols; it reads and fetches none."""
