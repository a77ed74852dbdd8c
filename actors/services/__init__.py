"""Services: what is supervised, and how its processes are owned."""
