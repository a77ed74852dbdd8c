"""What `hamster demo` supervises: small programs of the standard library alone: they start at once."""
