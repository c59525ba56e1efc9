"""Pure readers of text: words in, values out; they never raise on text and never invent a value."""
