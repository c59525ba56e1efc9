"""What every command needs: settings, errors, console, logs, how it starts; it knows no page."""
