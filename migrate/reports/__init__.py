"""What is stored, what is missing and why, for people and programs; it changes nothing."""
