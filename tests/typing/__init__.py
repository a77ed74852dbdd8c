"""What the type checker must say, as users get it."""
